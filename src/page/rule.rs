//! The rules of de-identification in words: the actions of PS3.15 Table E.1-1
//! by their letters, and this program's own rules for what the table does not
//! name.

use super::Language;

/// What a rule does, in a sentence; `None` for a name that is not one.
#[must_use]
pub fn rule_text(rule: &str, language: Language) -> Option<&'static str> {
    let (_, ja, en) = RULES.iter().find(|(name, ..)| *name == rule)?;
    Some(match language {
        Language::Japanese => ja,
        Language::English => en,
    })
}

/// Name, Japanese, English.
const RULES: &[(&str, &str, &str)] = &[
    ("X", "削除", "removed"),
    ("Z", "空にした", "emptied"),
    ("D", "無害な値に置換", "replaced by a dummy"),
    ("U", "UID を置換", "UID replaced"),
    (
        "Z/D",
        "空または無害な値に",
        "emptied, or replaced by a dummy",
    ),
    ("X/Z", "削除または空に", "removed, or emptied"),
    (
        "X/D",
        "削除または無害な値に",
        "removed, or replaced by a dummy",
    ),
    (
        "X/Z/D",
        "削除、空、または無害な値に",
        "removed, emptied, or replaced by a dummy",
    ),
    (
        "X/Z/U*",
        "削除、空、または UID を置換",
        "removed, emptied, or UIDs replaced",
    ),
    (
        "private",
        "メーカー独自の属性を削除",
        "private attribute removed",
    ),
    (
        "graphics",
        "オーバーレイ・曲線を削除",
        "overlay or curve removed",
    ),
    (
        "structure",
        "ファイル構造の属性を削除",
        "attribute of the file's structure removed",
    ),
    (
        "character-set",
        "文字セットを書き直し",
        "character set written anew",
    ),
    (
        "unknown",
        "標準にない属性を削除",
        "attribute that the standard does not know removed",
    ),
    (
        "representation",
        "型が合わない値を削除",
        "value of a wrong representation removed",
    ),
    (
        "too-long",
        "長すぎる値を削除",
        "value too long to judge removed",
    ),
    (
        "not-of-the-object",
        "この種類の画像にない属性を削除",
        "attribute that this kind of image does not have removed",
    ),
    (
        "lookup-table",
        "長さの合わない変換表を削除",
        "lookup table of a wrong length removed",
    ),
    (
        "uid",
        "表にない UID を置換",
        "UID that the table does not name replaced",
    ),
    (
        "term",
        "一覧にない用語を削除",
        "term that is in no list removed",
    ),
    (
        "number",
        "数値でない値を削除",
        "value that is no number removed",
    ),
    (
        "code",
        "一覧にないコードを削除",
        "code that is in no list removed",
    ),
    (
        "text",
        "一覧にない文字列を削除",
        "text that is in no list removed",
    ),
    (
        "date",
        "表にない日時を削除",
        "date or time that the table does not name removed",
    ),
    (
        "bulk",
        "表にないバイト列を削除",
        "bulk data that the table does not name removed",
    ),
    (
        "content",
        "レポートの項目を削除",
        "item of a report removed",
    ),
    (
        "emptied",
        "空になった項目を削除",
        "sequence that was left empty removed",
    ),
    (
        "age-band",
        "年齢を 10 年幅に",
        "age made a band of ten years",
    ),
    (
        "moved-date",
        "日付を患者ごとに移動",
        "date moved by the patient's offset",
    ),
    (
        "words",
        "専門用語だけを残した",
        "only words of the trade kept",
    ),
    (
        "behind-the-pixels",
        "画素の後ろのデータを削除",
        "data behind the pixels removed",
    ),
    (
        "text-in-pixels",
        "画素の文字を消去",
        "text in the pixels blanked",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_words_in_both_languages() {
        for (name, ..) in RULES {
            let [ja, en] = Language::ALL.map(|language| rule_text(name, language));
            let is_japanese = |text: &str| text.chars().any(|c| c > '\u{3000}');
            assert!(ja.is_some_and(is_japanese), "{name}");
            assert!(en.is_some_and(str::is_ascii), "{name}");
        }
        assert_eq!(rule_text("no-rule", Language::English), None);
    }
}
