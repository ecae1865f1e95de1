//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use policy_core::netset::{Cidr, Protocol, parse_cidr};
use policy_core::profile::Profile;

/// Which flows do these Kubernetes policies allow, and why
///
/// Reads manifests (YAML or JSON: files, folders, or - for standard input) and answers from them
/// alone, without a cluster. Folders are read with what is below them: *.yaml, *.yml and *.json,
/// by byte order of their paths, hidden ones left out.
#[derive(Debug, Parser)]
#[command(
    name = "netverdict",
    version,
    arg_required_else_help = true,
    after_help = "\
Exit codes
  0  done; of flow: allow; of validate: all accepted
  1  of flow: deny; of validate: some refused; of diff: what --fail-on names; of check: it fails
  2  it could not be done
  3  of flow: depends on what the specification or the manifests leave open
  4  of flow: mixed, for the question means several flows

Examples
  netverdict flow manifests/ --from frontend/web --to svc/payments/payment-service:443
  kubectl get ns,pods,deploy,rs,svc,netpol,nodes -A -o json | netverdict matrix -
  netverdict isolation manifests/ --only-namespace payments
  netverdict diff --git main manifests/ --fail-on opened
  netverdict check --git main manifests/ rules/
  netverdict validate manifests/ --strict"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Is a flow allowed, and why
    #[command(after_help = "\
An end of a flow is [KIND/]NAMESPACE/NAME[:PORT]: frontend/web (a pod or a workload),
deployment/frontend/web, svc/payments/payment-service:443 (the Service's port, by number or
name), node/NAME, an address, a CIDR.

Examples
  netverdict flow m/ --from frontend/web --to payments/payment-service --port 443
  netverdict flow m/ --from 203.0.113.7 --to svc/shop/web:https
  netverdict flow m/ --from frontend/web --to 10.0.0.0/8          all ports: the whole set
  echo '{\"from\":\"frontend/web\",\"to\":\"payments/db\",\"port\":5432}' |
    netverdict flow m/ --queries -

With --queries, a line of JSON is a question: {\"from\", \"to\", \"port\", \"protocol\"}; the same
fields come back with \"verdict\", \"clauses\", \"why\", or \"error\". Exit code 0 if every line was
answered, 2 if one is an error.")]
    Flow(FlowArguments),
    /// What was read, accepted or refused as the API server would
    #[command(after_help = "\
Examples
  netverdict validate manifests/
  helm template chart | netverdict validate - -n shop
  netverdict validate manifests/ -o json | jq -r 'select(.accepted == false) | .file'

Exit code 0 if all is accepted, 1 if something is refused. Kinds that are not read are listed and
have no effect on it.")]
    Validate(ValidateArguments),
    /// Who reaches whom, on what
    #[command(after_help = "\
Examples
  netverdict matrix manifests/
  netverdict matrix manifests/ --to payments
  netverdict matrix manifests/ --from outside --pairs -o csv
  netverdict matrix manifests/ -o json | jq .counts

A pod to itself and its own node are left out: no policy has a say there (C14, C15).")]
    Matrix(MatrixArguments),
    /// Who is isolated, by what, and how far each one reaches
    #[command(after_help = "\
Examples
  netverdict isolation manifests/
  netverdict isolation manifests/ -o csv | sort -t, -k8 -n")]
    Isolation(IsolationArguments),
    /// What a change opens and closes, and what made it so
    #[command(after_help = "\
The first side is PATH, or with --git what PATH held in a Git revision; the second is --to, or with
--git the working tree. A pod is the pod of the same name on the other side, else of the same
workload: a workload whose template changed replaces its pods.

  opened   denied before, allowed now        depends  sure before, open to readings now
  closed   allowed before, denied now        settled  open to readings before, sure now
  kept     allowed as it was, between ends of which something else changed

A pod to itself and its own node are left out: no policy has a say there (C14, C15).

Examples
  netverdict diff before/ --to after/
  netverdict diff --git main manifests/
  netverdict diff --git HEAD~1 manifests/ --fail-on opened,closed
  netverdict diff before/ --to after/ --only-namespace payments -o markdown
  netverdict diff before/ --to after/ -o json | jq '.opened[] | select(.exposure == \"fromOutside\")'

Exit code 0; 1 with --fail-on on a hit; 2 if it could not be done. What may be open now and was not
(denied before, depends now) counts as opened, and the other way round as closed.")]
    Diff(DiffArguments),
    /// Everything that is wrong, or what a change brings in: the one command for CI
    #[command(after_help = "\
Finds what cannot be read, what the API server would refuse, and IsolationRules that do not hold;
rules are read from the same PATHs as everything else. With --base or --git only what the change
brings in is a finding, and the rest is counted. A finding is new unless the side before has it, too:
a problem of the same object, or of a broken rule the same flows.

netverdict.toml in the working directory, or in one above it up to the top of the repository, says
what the command line leaves out:

  paths = [\"manifests\", \"rules\"]      from the folder of the file
  exclude = [\"manifests/vendor\"]      files and folders; * and ? in a name, ** for any folders
  profile = \"calico\"
  pod-cidr = [\"10.244.0.0/16\"]
  namespace = \"shop\"
  fail-on = \"warning\"
  [levels]                            by the name of a rule, or of a problem
  unknown-field = \"error\"             off, info, warning or error

Examples
  netverdict check manifests/ rules/
  netverdict check --git origin/main manifests/ rules/
  netverdict check --git HEAD -o github
  netverdict check --base before/ --base rules/ after/ rules/
  netverdict check manifests/ rules/ -o sarif > netverdict.sarif
  helm template chart | netverdict check - rules/ --fail-on warning

Exit code 0; 1 if a finding is at least as bad as --fail-on; 2 if it could not be done.")]
    Check(CheckArguments),
    /// Write completions for a shell
    #[command(
        after_help = "Example\n  netverdict completions bash > /etc/bash_completion.d/netverdict"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a schema: of requests and responses, or of IsolationRules
    #[command(after_help = "\
Examples
  netverdict schema > netverdict.schema.json
  netverdict schema rule > isolationrule.schema.json      for editors
  netverdict schema crd | kubectl apply -f -              so that a cluster takes the kind")]
    Schema {
        /// Of what
        #[arg(value_enum, default_value_t = Schema::Wire)]
        which: Schema,
    },
}

/// What every question needs.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Manifests: files, folders, or - for standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The namespace of objects that name none
    #[arg(short, long, value_name = "NS", default_value = "default")]
    pub(crate) namespace: String,
    /// Fail if anything is refused, unknown fields included
    #[arg(long)]
    pub(crate) strict: bool,
    /// No notes on standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Whether to write colours
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// How to read what is left open.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// Who enforces: settles what the specification leaves to the implementation
    #[arg(long, value_parser = profile, default_value = "spec", value_name = "NAME",
          help = "Who enforces: spec, calico, cilium, antrea, ovn-kubernetes or kube-network-policies")]
    pub(crate) profile: Profile,
    /// The addresses of pods, where the manifests do not hold them; repeatable
    #[arg(long = "pod-cidr", value_parser = cidr, value_name = "CIDR")]
    pub(crate) pod_cidrs: Vec<Cidr>,
}

#[derive(Debug, Args)]
pub(crate) struct FlowArguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// The source
    #[arg(long, value_name = "END", required_unless_present = "queries")]
    pub(crate) from: Option<String>,
    /// The destination
    #[arg(long, value_name = "END", required_unless_present = "queries")]
    pub(crate) to: Option<String>,
    /// The destination's port, by number or name; without one, the whole set
    #[arg(long, value_name = "N|NAME")]
    pub(crate) port: Option<String>,
    /// TCP, UDP or SCTP; TCP if there is a port
    #[arg(long, value_parser = protocol, value_name = "P")]
    pub(crate) protocol: Option<Protocol>,
    /// Questions, a line of JSON each: a file, or - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "port", "protocol"])]
    pub(crate) queries: Option<PathBuf>,
    /// Leave out the reasons of --queries and -o json
    #[arg(long)]
    pub(crate) no_why: bool,
    /// How to write the answer
    #[arg(short, long, value_enum, default_value_t = TextOrJson::Text)]
    pub(crate) output: TextOrJson,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    #[command(flatten)]
    pub(crate) common: Common,
    /// How to write what was read
    #[arg(short, long, value_enum, default_value_t = TextOrJson::Text)]
    pub(crate) output: TextOrJson,
}

#[derive(Debug, Args)]
pub(crate) struct MatrixArguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Sources: a namespace, `outside`, or an end of a flow; repeatable
    #[arg(long, value_name = "END")]
    pub(crate) from: Vec<String>,
    /// Destinations: the same
    #[arg(long, value_name = "END")]
    pub(crate) to: Vec<String>,
    /// Only what is within these namespaces; repeatable
    #[arg(long, value_name = "NS", conflicts_with_all = ["from", "to"])]
    pub(crate) only_namespace: Vec<String>,
    /// A row for every pair of workloads or outside range with a connection
    #[arg(long)]
    pub(crate) pairs: bool,
    /// How to write the matrix; csv is of pairs
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    /// The most lines of text
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) lines: usize,
}

#[derive(Debug, Args)]
pub(crate) struct IsolationArguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Only these namespaces; repeatable
    #[arg(long, value_name = "NS")]
    pub(crate) only_namespace: Vec<String>,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    /// The most lines of text
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) lines: usize,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// The second side: files, folders, or - for standard input
    #[arg(long, value_name = "PATH", num_args = 1.., required_unless_present = "git")]
    pub(crate) to: Vec<PathBuf>,
    /// The first side is what PATH held in this Git revision, the second the working tree
    #[arg(long, value_name = "REF", conflicts_with = "to")]
    pub(crate) git: Option<String>,
    /// Exit with 1 if there is any: opened, closed or any; repeatable
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    pub(crate) fail_on: Vec<FailOn>,
    /// Only flows from or to these namespaces; repeatable
    #[arg(long, value_name = "NS")]
    pub(crate) only_namespace: Vec<String>,
    /// How to write it; csv has a row a block
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    /// The most lines of text
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) lines: usize,
}

/// What of a difference fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// What is more open than it was, or may be
    Opened,
    /// What is less open than it was, or may be
    Closed,
    /// Any difference
    Any,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Manifests and IsolationRules: files, folders, or - for standard input
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The side before: files and folders; repeatable
    #[arg(long, value_name = "PATH", conflicts_with = "git")]
    pub(crate) base: Vec<PathBuf>,
    /// The side before is what PATH held in this Git revision
    #[arg(long, value_name = "REF")]
    pub(crate) git: Option<String>,
    /// How bad a finding must be to fail: error (unless netverdict.toml says otherwise), warning,
    /// info or never
    #[arg(long, value_parser = fail_on, value_name = "LEVEL")]
    pub(crate) fail_on: Option<policy_config::FailOn>,
    /// How to write the findings
    #[arg(short, long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) output: CheckFormat,
    /// The namespace of objects that name none: default, unless netverdict.toml says otherwise
    #[arg(short, long, value_name = "NS")]
    pub(crate) namespace: Option<String>,
    /// Who enforces: spec, calico, cilium, antrea, ovn-kubernetes or kube-network-policies
    #[arg(long, value_parser = profile, value_name = "NAME")]
    pub(crate) profile: Option<Profile>,
    /// The addresses of pods, where the manifests do not hold them; repeatable
    #[arg(long = "pod-cidr", value_parser = cidr, value_name = "CIDR")]
    pub(crate) pod_cidrs: Vec<Cidr>,
    /// Unknown fields are errors
    #[arg(long)]
    pub(crate) strict: bool,
    /// The most findings of text
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) findings: usize,
    /// The most blocks of flows of a finding of text
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) blocks: usize,
    /// This file instead of the nearest netverdict.toml
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,
    /// No netverdict.toml
    #[arg(long)]
    pub(crate) no_config: bool,
    /// No notes on standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Whether to write colours
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// How to write findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people
    Text,
    /// For machines
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// Workflow commands, and the summary of the step
    Github,
    /// For a comment on a pull request
    Markdown,
}

/// Which schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Schema {
    /// JSON Schema of requests and responses
    Wire,
    /// JSON Schema of an IsolationRule
    Rule,
    /// CustomResourceDefinition of IsolationRules
    Crd,
}

/// Whether to write colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// For people or for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    /// For people
    Text,
    /// For machines
    Json,
}

/// For people, machines, sheets or pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For machines
    Json,
    /// For sheets
    Csv,
    /// For pages
    Markdown,
}

fn profile(name: &str) -> Result<Profile, String> {
    Profile::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        format!("the profiles are {}", names.join(", "))
    })
}

fn cidr(text: &str) -> Result<Cidr, String> {
    let parsed = parse_cidr(text).map_err(|_| "not a CIDR such as 10.244.0.0/16".to_owned())?;
    Ok(parsed.cidr)
}

fn fail_on(word: &str) -> Result<policy_config::FailOn, String> {
    use policy_config::FailOn;
    FailOn::parse(word).ok_or_else(|| format!("the levels are {}", FailOn::WORDS.join(", ")))
}

fn protocol(text: &str) -> Result<Protocol, String> {
    Protocol::parse(&text.to_ascii_uppercase())
        .ok_or_else(|| "the protocols are TCP, UDP and SCTP (C17)".to_owned())
}
