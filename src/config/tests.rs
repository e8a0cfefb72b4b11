//! Settings: the shipped ones hold, faults are named and come together.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

fn fault(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("box.toml");
    std::fs::write(&file, text).unwrap();
    load(Some(&file), &[]).unwrap_err().to_string()
}

#[test]
fn the_shipped_settings_hold() {
    let settings = load(None, &[]).unwrap();
    assert_eq!(settings.dicom.ae_title.as_str(), "BONEBOX");
    assert!(!settings.dicom.accept_any);
    assert!(settings.central.is_none());
    assert_eq!(settings.dicom.quiet_period, Duration::from_secs(20));
}

#[test]
fn every_overlay_fits_the_shipped_settings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("central.toml") {
            // The central's own settings: their form is `load_central`'s.
            load_central(&path).unwrap_or_else(|error| panic!("{error}"));
            continue;
        }
        load(Some(&path), &[]).unwrap_or_else(|error| panic!("{error}"));
        seen += 1;
    }
    assert!(seen > 1);
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config/units.toml");
    assert!(!load(Some(&units), &[]).unwrap().processes.spawn);
}

#[test]
fn every_shipped_key_is_explained() {
    let mut comment = false;
    for line in DEFAULT_TOML.lines() {
        if line.starts_with('#') {
            comment = true;
        } else if line.contains('=') && !line.starts_with(' ') && !line.starts_with('"') {
            assert!(comment, "no explanation above: {line}");
            comment = false;
        }
    }
}

#[test]
fn a_study_belongs_to_exactly_one_project() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("box.toml");
    let text = "[[projects]]\nname = 'trial'\nlegal_basis = 'research-consent'\n\
                source = 'room 2'\naccession_prefix = 'T-'\noptions = ['retain-modified-dates']\n\
                [[projects]]\nname = 'room-2'\nlegal_basis = 'none'\nsource = 'room 2'\n";
    std::fs::write(&file, text).unwrap();
    let settings = load(Some(&file), &[]).unwrap();
    let of = |source, station, accession| {
        let project = settings.project_of(source, station, accession);
        project.name.as_str().to_owned()
    };
    assert_eq!(of("room 2", "", "T-77"), "trial");
    assert_eq!(of("room 2", "", "77"), "room-2");
    assert_eq!(of("room 1", "", "T-77"), "default");
    let shipped = &settings.project.options;
    assert_eq!(&settings.projects[1].project.options, shipped);
    let text = fault(
        "[[projects]]\nname = 'default'\nlegal_basis = 'none'\noptions = ['retain-names']\n\
         key_version = 0\nregions = '{ x'\n",
    );
    for named in ["retain-names", "key_version", "regions", "every study"] {
        assert!(text.contains(named), "{named}: {text}");
    }
}

#[test]
fn an_unknown_key_is_named() {
    let text = fault("[dicom]\nport = 104\n");
    assert!(text.contains("port") && text.contains("box.toml"), "{text}");
}

#[test]
fn faults_come_together() {
    let text = fault(
        "[dicom]\nae_title = \"\"\nquiet_period_s = -1\n[dashboard]\nlisten = \"0.0.0.0:80\"\n",
    );
    for word in [
        "dicom.ae_title",
        "dicom.quiet_period_s",
        "dashboard.listen",
        "loopback",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn overrides_win() {
    let settings = load(None, &[("dicom.ae_title", "OTHER".into())]).unwrap();
    assert_eq!(settings.dicom.ae_title.as_str(), "OTHER");
}

#[test]
fn the_central_needs_an_argon2id_hash() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("central.toml");
    let text = "data = \"d\"\nlisten = \"127.0.0.1:0\"\ncertificate = \"c\"\nkey = \"k\"\nclient_ca = \"a\"\n\
        [people]\nlisten = \"127.0.0.1:0\"\nuser = \"u\"\npassword_hash = \"plain\"\n";
    std::fs::write(&file, text).unwrap();
    assert!(
        load_central(&file)
            .unwrap_err()
            .to_string()
            .contains("Argon2id")
    );
}
