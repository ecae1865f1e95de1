//! `netverdict diff`, of two folders and of a Git revision.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn run(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netverdict"));
    told(command.args(arguments).current_dir(folder).env_remove("COLUMNS").output().unwrap())
}

fn told(output: Output) -> Run {
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn payments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/payments")
}

#[test]
fn the_model_case() {
    let diff = |rest: &[&str]| {
        let mut arguments = vec!["diff", "before", "--to", "after"];
        arguments.extend(rest);
        run(&payments(), &arguments)
    };
    let text = diff(&[]);
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    insta::assert_snapshot!("diff", text.out);
    insta::assert_snapshot!("diff-json", diff(&["-o", "json"]).out);
    insta::assert_snapshot!("diff-csv", diff(&["-o", "csv"]).out);
    insta::assert_snapshot!("diff-markdown", diff(&["-o", "markdown"]).out);
    insta::assert_snapshot!("diff-of-a-namespace", diff(&["--only-namespace", "frontend"]).out);
    assert!(diff(&["--color", "always"]).out.contains('\u{1b}'));
    assert_eq!(diff(&["--fail-on", "opened"]).code, 0);
    assert_eq!(diff(&["--fail-on", "closed"]).code, 1);
    assert_eq!(diff(&["--fail-on", "opened,any"]).code, 1);
    assert_eq!(diff(&["--fail-on", "opened", "--fail-on", "closed"]).code, 1);
    let same = run(&payments(), &["diff", "after", "--to", "after", "--fail-on", "any"]);
    assert_eq!((same.code, same.out.as_str()), (0, "opened  nothing\nclosed  nothing\n"));
    assert_eq!(run(&payments(), &["diff", "after"]).code, 2);
    assert_eq!(run(&payments(), &["diff", "after", "--to", "nowhere"]).code, 2);
}

#[test]
fn the_readme_shows_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let ends = ["diff", "examples/payments/after", "--to", "examples/payments/pull-request"];
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let said = run(&root, &ends).out;
    assert!(readme.contains(said.trim()), "the README's diff is not current: {said}");
}

#[test]
fn it_teaches() {
    let help = run(&payments(), &["diff", "--help"]);
    assert!(help.code == 0 && help.out.contains("Examples") && help.out.contains("--fail-on"));
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            git.env_remove(name);
        }
        let who = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"];
        let done = git.args(who).args(arguments).current_dir(&self.0).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const PODS: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}}\n---\n\
                    {apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: db}}}\n";
const CLOSED: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed, namespace: shop}, \
                      spec: {podSelector: {matchLabels: {app: db}}}}\n";

/// A repository in which the second commit takes the policy out of `m/`.
fn repository(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.git(&["init", "-q", "-b", "main"]);
    folder.write("m/pods.yaml", PODS);
    folder.write("m/deep/closed.yaml", CLOSED);
    folder.write("m/.hidden/pod.yaml", "{apiVersion: v1, kind: Pod, metadata: {name: hidden}}");
    folder.write("m/notes.txt", "no manifest");
    folder.write(
        "other/pod.yaml",
        "{apiVersion: v1, kind: Pod, metadata: {name: other, namespace: shop}}",
    );
    folder.git(&["add", "."]);
    folder.git(&["commit", "-qm", "one"]);
    folder.git(&["tag", "v1"]);
    folder
}

#[test]
fn of_a_revision() {
    let folder = repository("diff-of-a-revision");
    let diff = |at: &str, arguments: &[&str]| run(&folder.0.join(at), arguments);
    let same = diff("", &["diff", "--git", "HEAD", "m", "--fail-on", "any"]);
    assert_eq!((same.code, same.err.as_str()), (0, ""), "{}", same.out);
    std::fs::remove_file(folder.0.join("m/deep/closed.yaml")).unwrap();
    let opened = diff("", &["diff", "--git", "v1", "m", "--fail-on", "opened"]);
    assert_eq!(opened.code, 1, "{}", opened.err);
    insta::assert_snapshot!("diff-git", opened.out);
    // From below, by an absolute path, of a path that only the revision has, of one file.
    let below = diff("m", &["diff", "--git", "main", "."]);
    assert_eq!(below.out, opened.out, "{}", below.err);
    let whole = folder.0.join("m").display().to_string();
    assert_eq!(diff("other", &["diff", "--git", "main", &whole]).out, opened.out);
    let gone = diff("", &["diff", "--git", "main", "m/pods.yaml", "m/deep"]);
    assert_eq!(gone.out, opened.out, "{}", gone.err);
    // Whatever a hook sets does not lead elsewhere.
    let mut hook = Command::new(env!("CARGO_BIN_EXE_netverdict"));
    hook.args(["diff", "--git", "v1", "m"]).current_dir(&folder.0);
    hook.env("GIT_DIR", "/nowhere").env("GIT_INDEX_FILE", "/nowhere/index");
    assert_eq!(told(hook.output().unwrap()).out, opened.out);
    // A file that is refused is named as Git names it.
    folder.write(
        "m/bad.yaml",
        "{apiVersion: v1, kind: Pod, metadata: {name: BAD, namespace: shop}}\n",
    );
    folder.git(&["add", "."]);
    folder.git(&["commit", "-qm", "bad"]);
    let bad = diff("", &["diff", "--git", "main", "m"]);
    assert!(bad.err.contains("main:m/bad.yaml"), "{}", bad.err);
    assert_eq!(diff("", &["diff", "--git", "main", "m", "--strict"]).code, 2);
}

#[test]
fn what_a_revision_cannot_be() {
    let folder = repository("diff-errors");
    let fails = |arguments: &[&str], words: &str| {
        let run = run(&folder.0, arguments);
        assert_eq!(run.code, 2, "{}", run.out);
        assert!(run.err.contains(words), "{}", run.err);
    };
    fails(&["diff", "--git", "nowhere", "m"], "the Git revision `nowhere` is not known");
    fails(&["diff", "--git=--help", "m"], "the Git revision `--help` is not known");
    fails(
        &["diff", "--git", "HEAD", "no/such"],
        "no/such is neither in `HEAD` nor in the working tree",
    );
    fails(&["diff", "--git", "HEAD", "-"], "`-` is in no Git revision");
    fails(&["diff", "--git", "HEAD", "m", ".."], "outside of the Git repository");
    fails(&["diff", "--git", "HEAD", "m", "--to", "m"], "--to");
    let outside = Path::new("/");
    let nowhere = run(outside, &["diff", "--git", "HEAD", "/"]);
    assert_eq!(nowhere.code, 2);
    assert!(nowhere.err.contains("in no Git repository"), "{}", nowhere.err);
    let mut no_git = Command::new(env!("CARGO_BIN_EXE_netverdict"));
    no_git.args(["diff", "--git", "HEAD", "m"]).current_dir(&folder.0).env("PATH", "");
    let no_git = told(no_git.output().unwrap());
    assert_eq!(no_git.code, 2);
    assert!(no_git.err.contains("needs `git`"), "{}", no_git.err);
}
