//! The text of a configuration, with comments that say what each field is for.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::AgentConfig;
use crate::group::OwnId;

/// A configuration to start from: what `config` has, and the other fields as comments.
///
/// ```text
/// // Every machine of the group runs one agent, ...
/// {
///   // The file with the group's key, ...
///   "key": "turno.key",
/// ```
pub(crate) fn config_text(config: &AgentConfig) -> String {
    let path = |path: &Option<std::path::PathBuf>| path.as_deref().map(shown);
    let time = |time: Option<Duration>| time.map(|it| humantime::format_duration(it).to_string());
    let id = config.id.as_ref().map(|id| match id {
        OwnId::Number(number) => json(number),
        OwnId::Name(name) => json(name),
    });
    let fields = [
        Field::of_json("id", ID, id, "\"alpha\""),
        Field::of_text("key", KEY, path(&config.key), "turno.key"),
        Field::of_text("state", STATE, path(&config.state), "/var/lib/turno/state"),
        Field::of_text("failover", FAILOVER, time(config.failover), "10s"),
        Field::of_text("socket_group", GROUP, config.socket_group.clone(), "turno"),
        Field::of_text(
            "socket",
            SOCKET,
            path(&config.socket),
            "/run/turno/turno.sock",
        ),
        Field::of_text("listen", LISTEN, config.listen.clone(), "0.0.0.0:7001"),
        Field::of_text("beat", BEAT, time(config.beat), "10s"),
        Field::of_json(
            "resend_ms",
            RESEND,
            config.resend_ms.map(|it| json(&it)),
            "250",
        ),
        Field::of_text("trace", TRACE, path(&config.trace), "/var/lib/turno/trace"),
    ];
    let mut text = HEAD.to_owned();
    for Field {
        name,
        why,
        given,
        example,
    } in &fields
    {
        for line in why.lines() {
            text.push_str(&format!("  // {line}\n"));
        }
        text.push_str(&match given {
            Some(value) => format!("  \"{name}\": {value},\n\n"),
            None => format!("  // \"{name}\": {example},\n\n"),
        });
    }
    let members: Vec<String> = config.members.iter().map(json).collect();
    text.push_str(MEMBERS);
    text.push_str(&format!("  \"members\": [{}]\n}}\n", members.join(", ")));
    text
}

struct Field {
    name: &'static str,
    why: &'static str,
    given: Option<String>,
    example: String,
}

impl Field {
    fn of_json(
        name: &'static str,
        why: &'static str,
        given: Option<String>,
        example: &str,
    ) -> Self {
        let example = example.to_owned();
        Field {
            name,
            why,
            given,
            example,
        }
    }

    fn of_text(
        name: &'static str,
        why: &'static str,
        given: Option<String>,
        example: &str,
    ) -> Self {
        let given = given.map(|text| json(&text));
        Field {
            name,
            why,
            given,
            example: json(&example),
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a text or a number is JSON")
}

const HEAD: &str = "\
// The configuration of an agent of turno. Every machine of the group runs one.
// A line that begins with // is a comment. Paths are relative to this file's folder.
// What is wrong with it:  turno agent --config FILE --check
{
";

const ID: &str = "\
Which member this machine is: its place in the list, from 1, or its name.
May be left out where exactly one member's address is this machine's own.";

const KEY: &str = "\
The file with the group's key, the same on all machines: turno key FILE makes it.
The agent's user alone may read it.";

const STATE: &str = "\
The folder that keeps the clock, so that the agent can start again while other
members are down. The agent makes it.";

const FAILOVER: &str = "\
Go on without a minority of the members when they have not been heard for this
time. Three members or more; all need the same.";

const GROUP: &str = "The group whose users may ask for locks, beside the agent's own user.";

const SOCKET: &str = "Where turno lock and turno status find the agent.";

const LISTEN: &str =
    "Listen here instead of at the address in the list: behind NAT, or in a container.";

const BEAT: &str = "How often an idle member says that it is up; \"0s\" turns it off.";

const RESEND: &str = "After how many milliseconds without an answer a request is first sent again.";

const TRACE: &str = "Write a trace into this folder, for turno trace.";

const MEMBERS: &str = concat!(
    "  // The addresses of all members, in the same order on every machine:\n",
    "  // \"members\": [\"alpha:7001\", \"beta:7001\", \"gamma:7001\"]\n",
);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> Result<AgentConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turno.json");
        fs::write(&file, text).unwrap();
        AgentConfig::read(&file)
    }

    #[test]
    fn a_printed_configuration_is_read_as_what_it_was_printed_of() {
        let config = AgentConfig {
            id: Some(OwnId::Name("alpha".to_owned())),
            members: vec!["alpha:7001".to_owned(), "beta:7001".to_owned()],
            key: Some("/etc/turno/\"key\"".into()),
            state: Some("/var/lib/turno/state".into()),
            failover: Some(Duration::from_millis(2500)),
            beat: Some(Duration::ZERO),
            resend_ms: Some(100),
            listen: Some(":1".to_owned()),
            socket: Some("/run/turno.sock".into()),
            socket_group: Some("turno".to_owned()),
            trace: Some("/trace".into()),
            ..AgentConfig::default()
        };
        assert_eq!(read(&config_text(&config)), Ok(config));
    }

    #[test]
    fn every_comment_that_is_a_field_can_be_put_to_use() {
        let text = config_text(&AgentConfig::default());
        assert_eq!(read(&text), Ok(AgentConfig::default()));
        let used = text.replace("  // \"", "  \"");
        // The example of the members stands before the field.
        let used = used
            .replace("\"]\n", "\"],\n")
            .replace("  \"members\": []\n", "  \"x\": 0\n");
        let used = used.replace(",\n  \"x\": 0\n", "\n");
        let config = read(&used).unwrap();
        assert_eq!(config.members.len(), 3);
        assert_eq!(config.failover, Some(Duration::from_secs(10)));
        assert!(config.listen.is_some() && config.trace.is_some() && config.id.is_some());
    }
}
