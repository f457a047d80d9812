//! The names of users.

use std::collections::HashMap;
use std::fs;

/// The users of this machine, by id, as `/etc/passwd` has them. The name service would know
/// more of them, and could wait for a server; a node's loop must not.
pub(crate) fn names() -> HashMap<u32, String> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    users.lines().filter_map(user).collect()
}

fn user(line: &str) -> Option<(u32, String)> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    Some((fields.nth(1)?.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_user_is_the_first_field_and_its_id_the_third() {
        let root = user("root:x:0:0:root:/root:/bin/bash");
        assert_eq!(root, Some((0, "root".to_owned())));
        assert_eq!(user("# a comment"), None);
        assert_eq!(names()[&0], "root");
    }
}
