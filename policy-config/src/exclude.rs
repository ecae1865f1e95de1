//! Which files are left out: patterns over paths, from the folder of `netverdict.toml`.

/// What is not read. A file is left out if a pattern matches its path or a folder above it.
///
/// ```
/// use policy_config::{Exclude, Pattern};
///
/// let exclude = Exclude(vec![Pattern::parse("charts/*/templates").unwrap(), Pattern::parse("**/kustomization.yaml").unwrap()]);
/// assert!(exclude.covers("charts/web/templates/policy.yaml"));
/// assert!(!exclude.covers("charts/templates/policy.yaml"));
/// assert!(exclude.covers("kustomization.yaml") && exclude.covers("a/b/kustomization.yaml"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclude(pub Vec<Pattern>);

/// Names between slashes: `*` and `?` stand for letters of one name, `**` for any folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`
    Folders,
    /// A name with wildcards.
    Name(String),
}

/// How many names a pattern may have.
const PARTS: usize = 64;

impl Exclude {
    /// Whether a file is left out; its path is from the folder of `netverdict.toml`, with slashes.
    pub fn covers(&self, path: &str) -> bool {
        let names: Vec<&str> =
            path.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
        self.0.iter().any(|pattern| pattern.covers(&names))
    }
}

impl Pattern {
    /// Reads a pattern: `charts/*/templates`.
    ///
    /// # Errors
    /// Why it can match nothing.
    pub fn parse(text: &str) -> Result<Pattern, &'static str> {
        if text.starts_with('/') {
            return Err("it must be relative to the folder of the file");
        }
        let names = text.split('/').filter(|name| !name.is_empty() && *name != ".");
        let part = |name: &str| match name {
            "**" => Part::Folders,
            _ => Part::Name(name.to_owned()),
        };
        let parts: Vec<Part> = names.map(part).collect();
        if parts.is_empty() {
            return Err("it has no name");
        }
        if parts.contains(&Part::Name("..".to_owned())) {
            return Err("what is above the folder of the file cannot be meant");
        }
        if parts.len() > PARTS {
            return Err("it has too many names");
        }
        Ok(Pattern(parts))
    }

    /// Whether it matches these names, or the first few of them.
    fn covers(&self, names: &[&str]) -> bool {
        // Which parts may come next, after each name.
        let mut next = self.reach(vec![0]);
        for name in names {
            if next.contains(&self.0.len()) {
                return true;
            }
            let after = next.iter().filter_map(|at| match self.0.get(*at)? {
                Part::Folders => Some(*at),
                Part::Name(own) => name_matches(own, name).then_some(at + 1),
            });
            next = self.reach(after.collect());
        }
        next.contains(&self.0.len())
    }

    /// Some places in the pattern and those that `**`, standing for no folder, leads on to.
    fn reach(&self, places: Vec<usize>) -> Vec<usize> {
        let mut all = places;
        let mut at = 0;
        while let Some(place) = all.get(at).copied() {
            if self.0.get(place) == Some(&Part::Folders) && !all.contains(&(place + 1)) {
                all.push(place + 1);
            }
            at += 1;
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Whether a name with `*` and `?` matches another, going back to the last `*` only.
fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut own, mut its) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = name.get(its) {
        match pattern.get(own) {
            Some('*') => {
                star = Some((own, its));
                own += 1;
            }
            Some('?') => (own, its) = (own + 1, its + 1),
            Some(same) if same == letter => (own, its) = (own + 1, its + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (own, its) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(own).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &str, is_covered: bool) {
        let exclude = Exclude(vec![Pattern::parse(pattern).unwrap()]);
        assert_eq!(exclude.covers(path), is_covered, "{pattern} {path}");
    }

    #[test]
    fn files_and_folders() {
        check("vendor", "vendor/a.yaml", true);
        check("vendor", "vendor", true);
        check("vendor", "vendors/a.yaml", false);
        check("vendor", "x/vendor/a.yaml", false);
        check("./vendor/", "vendor/x/a.yaml", true);
        check("**/vendor", "x/y/vendor/z/a.yaml", true);
        check("**/vendor", "vendor/a.yaml", true);
        check("a/**/b.yaml", "a/b.yaml", true);
        check("a/**/b.yaml", "a/x/y/b.yaml", true);
        check("a/**/b.yaml", "a/x/y/c.yaml", false);
        check("**", "anything/at/all.yaml", true);
        check("*.json", "x.json", true);
        check("*.json", "x/y.json", false);
        check("a?.yaml", "ab.yaml", true);
        check("a?.yaml", "a.yaml", false);
        check("*a*b*", "xxaxxbxx", true);
        check("*a*b*", "xxbxxaxx", false);
        check("é*", "éa", true);
    }

    #[test]
    fn what_is_no_pattern() {
        for text in ["", "/", "/etc", "../x", "a/../b"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn many_wildcards_end() {
        let pattern = format!("{}b", "**/*a*a*a*a*a*a*a/".repeat(20));
        let path = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/".repeat(200);
        check(&pattern, &path, false);
    }
}
