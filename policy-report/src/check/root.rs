//! Paths as the services of a repository want them: from its top, with slashes, percent-encoded.

use std::fmt::Write;

/// Where a check ran: what names of files are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The folder that names are relative to, from the root of the file system.
    pub folder: String,
    /// The top of the repository, which it is in or is.
    pub top: String,
}

impl Root {
    /// The path of a file from the top of the repository; else from the root of the file system.
    ///
    /// ```
    /// use policy_report::Root;
    ///
    /// let root = Root { folder: "/r/deploy".into(), top: "/r".into() };
    /// assert_eq!(root.path("./a/../b.yaml"), "deploy/b.yaml");
    /// assert_eq!(root.path("../rules/x.yaml"), "rules/x.yaml");
    /// assert_eq!(root.path("/elsewhere/x.yaml"), "/elsewhere/x.yaml");
    /// ```
    pub fn path(&self, name: &str) -> String {
        if name == "-" {
            return name.to_owned();
        }
        let name = name.replace('\\', "/");
        let whole = if name.starts_with('/') { name } else { format!("{}/{name}", self.folder) };
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let top: Vec<&str> = self.top.split('/').filter(|part| !part.is_empty()).collect();
        match parts.strip_prefix(top.as_slice()) {
            Some(below) if !below.is_empty() => below.join("/"),
            _ => format!("/{}", parts.join("/")),
        }
    }

    /// The same as a reference to a resource, and whether it is below the top.
    ///
    /// ```
    /// use policy_report::Root;
    ///
    /// let root = Root { folder: "/r".into(), top: "/r".into() };
    /// assert_eq!(root.uri("a b/ü#1.yaml"), ("a%20b/%C3%BC%231.yaml".to_owned(), true));
    /// assert_eq!(root.uri("/x/y.yaml"), ("file:///x/y.yaml".to_owned(), false));
    /// assert_eq!(root.uri("a:b.yaml"), ("a%3Ab.yaml".to_owned(), true));
    /// ```
    pub fn uri(&self, name: &str) -> (String, bool) {
        let path = self.path(name);
        let is_below = !path.starts_with('/');
        let mut uri = String::with_capacity(path.len());
        if !is_below {
            uri.push_str("file://");
        }
        for byte in path.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
        (uri, is_below)
    }
}
