//! Power cuts on a real file system (`crash_images.py`): 200 disks that a cut
//! could have left, in `make test-long`. The same thousand times on paper, in
//! every run: `receive::settle::tests`.

use std::path::Path;
use std::process::{Command, Output};

fn crash_images(images: u32, seed: u64, more: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Debian's own Python: fusepy is its package.
    Command::new("/usr/bin/python3")
        .arg(root.join("tests/box/receive/crash_images.py"))
        .arg(env!("CARGO_BIN_EXE_bonebox"))
        .args([images.to_string(), seed.to_string()])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_by_a_power_cut_of_a_real_file_system() {
    if std::env::var_os("BONEBOX_TEST_LONG").is_none() {
        return;
    }
    let text = |output: &Output| {
        let both = [output.stdout.as_slice(), &output.stderr].concat();
        String::from_utf8_lossy(&both).into_owned()
    };
    let seed = u64::from(std::process::id());
    let kept = crash_images(200, seed, &[]);
    assert!(kept.status.success(), "{}", text(&kept));
    // A disk that lies about its flushes loses promises, and that is seen.
    let lost = crash_images(3, seed, &["lie"]);
    assert!(
        text(&lost).contains("was acknowledged and is gone"),
        "{}",
        text(&lost)
    );
}
