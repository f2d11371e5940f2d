//! The configuration changes under load: by a mount that is swapped, by SIGHUP, and to something that is none.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::Stop;
use crate::harness::{
    Application, Gate, Issuer, Key, Launch, claims, configuration, eventually, request, scratch,
};

/// As kubelet does it: `..data` leads to a folder, and is renamed over.
struct Mount {
    folder: PathBuf,
    versions: AtomicUsize,
}

impl Mount {
    fn new() -> Self {
        let folder = scratch("mount");
        std::fs::create_dir(&folder).unwrap();
        symlink("..data/gate.yaml", folder.join("gate.yaml")).unwrap();
        Self {
            folder,
            versions: AtomicUsize::new(0),
        }
    }

    fn swap(&self, text: &str) {
        let version = format!("..{}", self.versions.fetch_add(1, Ordering::SeqCst));
        std::fs::create_dir(self.folder.join(&version)).unwrap();
        std::fs::write(self.folder.join(&version).join("gate.yaml"), text).unwrap();
        let next = self.folder.join("..data_tmp");
        symlink(&version, &next).unwrap();
        std::fs::rename(next, self.folder.join("..data")).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.join("gate.yaml")
    }
}

fn successful(gate: &Gate) -> bool {
    gate.metric("claimgate_config_last_reload_successful", "") == 1.0
}

#[test]
fn a_swapped_mount_is_taken_as_a_whole_and_a_bad_one_is_told_once_and_not_taken() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    let mount = Mount::new();
    let text = |header: &str| {
        configuration(
            &issuer,
            &application,
            &format!(
                "identity: {{headers: {{X-{header}: sub, X-{header}-Too: sub}}}}\nlog: {{access: off}}\n"
            ),
        )
    };
    let launch = Launch {
        file: Some(&mount.file()),
        write: &|text| mount.swap(text),
        ..Launch::default()
    };
    let gate = launch.start(&text("Old"));
    let with_listeners = |text: &str| {
        format!(
            "listen: 127.0.0.1:{}\nadmin: 127.0.0.1:{}\n{text}",
            gate.port, gate.admin
        )
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let answer = request(gate.port, "GET /", Some(&token), "");
                    assert_eq!(answer.status, 200, "{}", answer.head);
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
        let _stop = Stop(&stop);
        let comes = |name: &str| {
            eventually(name, || {
                let newest = application.requests().pop()?;
                newest.head.contains(&format!("X-{name}: ")).then_some(())
            });
        };
        comes("Old");
        mount.swap(&with_listeners(&text("New")));
        comes("New");
        // Half of a file, whatever it was to be.
        let half = with_listeners(&text("Half"));
        mount.swap(&half[..half.len() - 30]);
        eventually("a refusal", || (!successful(&gate)).then_some(()));
        mount.swap(&with_listeners(&text("Last")));
        comes("Last");
    });
    assert!(successful(&gate));
    let refused = gate.log().matches("was not reloaded").count();
    assert_eq!(refused, 1, "once for one content, however often it is seen");
    for seen in application.requests() {
        let of = |name: &str| {
            seen.header(&format!("X-{name}")).len() + seen.header(&format!("X-{name}-Too")).len()
        };
        let all = [of("Old"), of("New"), of("Half"), of("Last")];
        assert!(
            all.iter().sum::<usize>() == 2 && all.contains(&2) && all[2] == 0,
            "a mixture: {}",
            seen.head
        );
    }
}

#[test]
fn a_key_file_that_is_half_written_at_a_reload_changes_nothing() {
    let (key, application) = (Key::new("key-1"), Application::start());
    let set = scratch("json");
    let whole = json!({"keys": [key.jwk()]}).to_string();
    let write = |text: &str| std::fs::write(&set, text).unwrap();
    write(&whole);
    let gate = Gate::start(&format!(
        "upstream: http://127.0.0.1:{}\nissuers: [{{provider: oidc, issuer: 'urn:file', audiences: [api], keys: {{jwks_file: '{}'}}}}]\n",
        application.port,
        Path::display(&set)
    ));
    let token = key.token(&claims("urn:file", json!({})));
    let serves = || assert_eq!(request(gate.port, "GET /", Some(&token), "").status, 200);
    serves();
    write(&whole[..whole.len() / 2]);
    gate.signal("HUP");
    eventually("a refusal", || (!successful(&gate)).then_some(()));
    serves();
    write(&whole);
    gate.signal("HUP");
    eventually("a reload", || successful(&gate).then_some(()));
    serves();
}
