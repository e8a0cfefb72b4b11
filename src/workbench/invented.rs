//! Invented people of an invented hospital: identities for simulated studies,
//! with every kind of identifier that a real X-ray unit writes. Nobody here
//! exists. What an identity plants can be listed, and searched for behind the
//! box.

use crate::clock::Moment;
use crate::names::Digest;

/// Everything that names the person, the place or the visit in a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Family and given name in Latin letters, characters, and kana.
    pub name: [(String, String); 3],
    /// The hospital's patient ID.
    pub patient_id: String,
    /// Birth date, `YYYYMMDD`.
    pub birth_date: String,
    /// `F` or `M`.
    pub sex: char,
    /// Address.
    pub address: String,
    /// Telephone number.
    pub telephone: String,
    /// Accession number.
    pub accession: String,
    /// Study ID.
    pub study_id: String,
    /// Referring physician, `Family^Given`.
    pub referring: String,
    /// Who took the images, `Family^Given`.
    pub operator: String,
    /// The hospital, in Japanese.
    pub institution: String,
    /// The X-ray unit's name in the hospital.
    pub station: String,
    /// Its serial number.
    pub serial: String,
    /// A vendor's private note.
    pub private_note: String,
    /// A comment typed at the console.
    pub comment: String,
    /// UID of the study.
    pub study_uid: String,
    /// When the study was made.
    pub at: Moment,
}

/// Family names, short enough that a person name of three groups keeps within
/// the 64 bytes that older readers allow.
const FAMILIES: [(&str, &str, &str); 10] = [
    ("Yamada", "山田", "やまだ"),
    ("Suzuki", "鈴木", "すずき"),
    ("Tanaka", "田中", "たなか"),
    ("Itou", "伊藤", "いとう"),
    ("Satou", "佐藤", "さとう"),
    ("Katou", "加藤", "かとう"),
    ("Yoshida", "吉田", "よしだ"),
    ("Mori", "森", "もり"),
    ("Kimura", "木村", "きむら"),
    ("Shimizu", "清水", "しみず"),
];
/// Given names: Latin, characters, kana, sex.
const GIVEN: [(&str, &str, &str, char); 10] = [
    ("Tarou", "太郎", "たろう", 'M'),
    ("Hanako", "花子", "はなこ", 'F'),
    ("Kenji", "健二", "けんじ", 'M'),
    ("Yumiko", "由美子", "ゆみこ", 'F'),
    ("Shigeru", "茂", "しげる", 'M'),
    ("Sachiko", "幸子", "さちこ", 'F'),
    ("Hiroshi", "浩", "ひろし", 'M'),
    ("Keiko", "恵子", "けいこ", 'F'),
    ("Makoto", "誠", "まこと", 'M'),
    ("Akemi", "明美", "あけみ", 'F'),
];
/// The first moment that an invented study is made at: 2026-04-01 00:00 UTC.
const FIRST: i64 = 1_775_001_600_000_000;

/// Numbers from a seed, one for each question.
struct Numbers(u64);

impl Numbers {
    fn of(&self, question: &str) -> u128 {
        let digest = Digest::of(format!("{}|{question}", self.0).as_bytes());
        let mut bits = [0; 16];
        bits.copy_from_slice(digest.as_bytes().split_at(16).0);
        u128::from_be_bytes(bits)
    }

    /// A number from 0 to below a limit.
    fn below(&self, question: &str, limit: u32) -> u32 {
        u32::try_from(self.of(question) % u128::from(limit.max(1))).unwrap_or(0)
    }

    fn pick<'a, T>(&self, question: &str, from: &'a [T; 10]) -> &'a T {
        &from[usize::try_from(self.below(question, 10)).unwrap_or(0) % 10]
    }

    /// A UID of an invented hospital.
    fn uid(&self, question: &str) -> String {
        format!("2.25.{}", self.of(question))
    }
}

impl Identity {
    /// The identity of a seed; always the same.
    #[must_use]
    pub fn invented(seed: u64) -> Self {
        let numbers = Numbers(seed);
        let family = numbers.pick("family", &FAMILIES);
        let given = numbers.pick("given", &GIVEN);
        let patient_id = format!("{:08}", numbers.below("patient", 100_000_000));
        let person = |question: &str| {
            let (family, given) = (
                numbers.pick(&format!("{question}-family"), &FAMILIES).0,
                numbers.pick(&format!("{question}-given"), &GIVEN).0,
            );
            format!("{family}^{given}")
        };
        let minutes = i64::from(numbers.below("minute", 180 * 24 * 60));
        Self {
            name: [
                (family.0.to_owned(), given.0.to_owned()),
                (family.1.to_owned(), given.1.to_owned()),
                (family.2.to_owned(), given.2.to_owned()),
            ],
            birth_date: format!(
                "{:04}{:02}{:02}",
                1936 + numbers.below("year", 70),
                1 + numbers.below("month", 12),
                1 + numbers.below("day", 28)
            ),
            sex: given.3,
            address: format!(
                "架空県模擬市試験町 {}-{}",
                1 + numbers.below("block", 90),
                1 + numbers.below("house", 90)
            ),
            telephone: format!("0299-00-{:04}", numbers.below("telephone", 10_000)),
            accession: format!("ACC{:09}", numbers.below("accession", 1_000_000_000)),
            study_id: format!("ST{:06}", numbers.below("study-id", 1_000_000)),
            referring: person("referring"),
            operator: person("operator"),
            institution: "架空市立模擬病院".to_owned(),
            station: format!("MOGI-XR{:03}", numbers.below("station", 1000)),
            serial: format!("SN-{:08}", numbers.below("serial", 100_000_000)),
            private_note: format!("{}/{patient_id}/orthopedics", family.0),
            comment: format!("{}さん 転倒、右手をつく", family.1),
            study_uid: numbers.uid("study"),
            at: Moment::from_micros(FIRST.saturating_add(minutes.saturating_mul(60_000_000))),
            patient_id,
        }
    }

    /// A UID of this visit for one of its parts (`series-1`, `image-1`).
    #[must_use]
    pub fn uid(&self, part: &str) -> String {
        let digest = Digest::of(format!("{}|{part}", self.study_uid).as_bytes());
        let mut bits = [0; 16];
        bits.copy_from_slice(digest.as_bytes().split_at(16).0);
        format!("2.25.{}", u128::from_be_bytes(bits))
    }

    /// The name as a DICOM person name of three groups (PS3.5 6.2.1.2).
    #[must_use]
    pub fn person_name(&self) -> String {
        let groups: Vec<String> = self
            .name
            .iter()
            .map(|(family, given)| format!("{family}^{given}"))
            .collect();
        groups.join("=")
    }

    /// What must not be found behind the box, as it stands in the files:
    /// Japanese as text, to be searched for in the encodings that matter.
    #[must_use]
    pub fn planted(&self) -> Vec<String> {
        let (date, _) = self.at.dicom();
        let mut planted = vec![
            self.person_name(),
            format!("{}^{}", self.name[0].0, self.name[0].1),
            format!("{}^{}", self.name[1].0, self.name[1].1),
            format!("{}^{}", self.name[2].0, self.name[2].1),
            self.patient_id.clone(),
            self.birth_date.clone(),
            self.address.clone(),
            self.telephone.clone(),
            self.accession.clone(),
            self.study_id.clone(),
            self.referring.clone(),
            self.operator.clone(),
            self.institution.clone(),
            self.station.clone(),
            self.serial.clone(),
            self.private_note.clone(),
            self.comment.clone(),
            self.study_uid.clone(),
            date,
        ];
        for part in PARTS {
            planted.push(self.uid(part));
        }
        planted
    }
}

/// The parts of a visit that have a UID.
const PARTS: [&str; 6] = [
    "series-pa",
    "series-lateral",
    "image-pa",
    "image-lateral",
    "procedure-step",
    "device",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_always_the_same_person() {
        assert_eq!(Identity::invented(7), Identity::invented(7));
        assert_ne!(Identity::invented(7), Identity::invented(8));
    }

    #[test]
    fn identities_plant_distinct_identifiers() {
        for seed in 0..200 {
            let identity = Identity::invented(seed);
            let planted = identity.planted();
            let mut distinct = planted.clone();
            distinct.sort();
            distinct.dedup();
            assert!(planted.len() - distinct.len() <= 1, "{seed}");
            assert!(planted.iter().all(|text| text.chars().count() >= 2));
            assert_eq!(identity.birth_date.len(), 8);
        }
    }
}
