//! Asks the system's time service whether the clock is disciplined.

use std::process::Stdio;
use std::time::Duration;

use super::SystemSync;

/// Longest time a time service's own tool may take.
const TOOL_TIMEOUT: Duration = Duration::from_secs(5);

/// What the system says: `timedatectl` (any service, through the kernel), else `chronyc`.
///
/// # Cancel safety
///
/// May be dropped; a tool still running is killed.
pub async fn system_sync() -> SystemSync {
    if let Some(answer) = run("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).await
        && let Some(sync) = from_timedatectl(&answer)
    {
        return sync;
    }
    if let Some(answer) = run("chronyc", &["-c", "tracking"]).await
        && let Some(sync) = from_chronyc(&answer)
    {
        return sync;
    }
    SystemSync::NotSynchronised {
        why: "neither timedatectl nor chronyc tells whether a time service disciplines it".into(),
    }
}

async fn run(tool: &str, arguments: &[&str]) -> Option<String> {
    let mut command = tokio::process::Command::new(tool);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(TOOL_TIMEOUT, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn from_timedatectl(answer: &str) -> Option<SystemSync> {
    match answer {
        "yes" => Some(SystemSync::Synchronised { by: "the system's time service (timedatectl)".into() }),
        "no" => Some(SystemSync::NotSynchronised {
            why: "the system's time service is not synchronised (timedatectl)".into(),
        }),
        _ => None,
    }
}

/// The last of the comma-separated fields is the leap status.
fn from_chronyc(answer: &str) -> Option<SystemSync> {
    match answer.rsplit_once(',')?.1 {
        "Normal" | "Insert second" | "Delete second" => Some(SystemSync::Synchronised { by: "chronyd".into() }),
        "Not synchronised" => {
            Some(SystemSync::NotSynchronised { why: "chronyd is not synchronised (chronyc tracking)".into() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_a_proof() {
        let proven = |sync: Option<SystemSync>| matches!(sync, Some(SystemSync::Synchronised { .. }));
        assert!(proven(from_timedatectl("yes")));
        assert!(!proven(from_timedatectl("no")));
        assert!(!proven(from_timedatectl("")));
        let tracking = "A29FC801,162.159.200.1,4,1790000000.1,0.0,0.0,0.0,-1.5,0.0,0.02,0.01,0.0,64.5,Normal";
        assert!(proven(from_chronyc(tracking)));
        assert!(!proven(from_chronyc(&tracking.replace("Normal", "Not synchronised"))));
        assert!(!proven(from_chronyc("506 Cannot talk to daemon")));
    }
}
