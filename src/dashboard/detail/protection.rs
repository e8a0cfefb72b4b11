//! What was done to the person's data, and what left the box.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::{short, short_digest};
use crate::dashboard::reader::Reader;
use crate::dashboard::words::moment;
use crate::page::Text;
use crate::page::code_text;
use crate::page::rule_text;
use crate::store::StudyDetail;
use crate::study::DeidentifiedEvidence;
use crate::study::Outcome;

/// Counts, flags, quarantine.
pub(super) fn deidentification(reader: &Reader, detail: &StudyDetail) -> Markup {
    let Some(evidence) = &detail.deidentified else {
        return html! { section id="deidentification" data-part {} };
    };
    let basis = serde_json::to_value(evidence.basis).unwrap_or_default();
    let basis = basis.as_str().unwrap_or_default().to_owned();
    let counts = [
        (Text::Removed, evidence.removed),
        (Text::Replaced, evidence.replaced),
        (Text::Kept, evidence.kept),
    ];
    html! {
        section.panel id="deidentification" data-part {
            h2 { (reader.say(Text::Deidentification)) }
            div.counts {
                @for (text, count) in counts {
                    div { span.big { (count) } span.muted.small { (reader.say(text)) } }
                }
            }
            dl.facts {
                dt { (reader.say(Text::Edition)) }
                dd { (Text::ProfileName.fill(reader.language, &[&evidence.edition])) }
                dt { (reader.say(Text::Project)) }
                dd { (evidence.project) }
                dt { (reader.say(Text::LegalBasis)) }
                dd { (words(reader, "basis", &basis)) }
            }
            (rules(reader, evidence))
            (flags(reader, evidence))
            (quarantine(reader, evidence))
        }
    }
}

/// How many attributes each rule removed or replaced.
fn rules(reader: &Reader, evidence: &DeidentifiedEvidence) -> Markup {
    let mut rules: Vec<(&String, &u64)> = evidence.by_rule.iter().collect();
    rules.sort_by_key(|(name, count)| (Reverse(**count), name.as_str()));
    html! {
        @if !rules.is_empty() {
            details id="rules" {
                summary { h3 { (reader.say(Text::Rules)) " (" (rules.len()) ")" } }
                p.muted.small { (reader.say(Text::RulesNote)) }
                table {
                    thead { tr {
                        th scope="col" { (reader.say(Text::RuleWord)) }
                        th.number scope="col" { (reader.say(Text::RuleCount)) }
                    } }
                    tbody {
                        @for (name, count) in rules {
                            tr {
                                td {
                                    code { (name) } " "
                                    span.muted { (rule_text(name, reader.language).unwrap_or_default()) }
                                }
                                td.number { (count) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A code's sentence, or the code.
fn words<'a>(reader: &Reader, kind: &str, code: &'a str) -> &'a str {
    code_text(kind, code).map_or(code, |text| text.what(reader.language))
}

fn flags(reader: &Reader, evidence: &DeidentifiedEvidence) -> Markup {
    html! {
        @if !evidence.flags.is_empty() {
            h3 { (reader.say(Text::Flags)) }
            ul.plain {
                @for flag in &evidence.flags { li.trouble-line { "⚠ " (words(reader, "flag", flag)) } }
            }
        }
    }
}

fn quarantine(reader: &Reader, evidence: &DeidentifiedEvidence) -> Markup {
    html! {
        @if !evidence.quarantined.is_empty() {
            h3 { (reader.say(Text::Quarantine)) " (" (evidence.quarantined.len()) ")" }
            p.muted.small { (reader.say(Text::QuarantineNote)) }
            ul.plain {
                @for one in &evidence.quarantined {
                    li {
                        @match code_text("quarantine", &one.code) {
                            Some(text) => (text.what(reader.language)),
                            None => (one.text),
                        }
                        br; span.key.muted { (short(one.instance.as_str())) "… · " (one.code) }
                    }
                }
            }
        }
    }
}

/// What left, and who holds it.
pub(super) fn sending(reader: &Reader, detail: &StudyDetail, has_central: bool) -> Markup {
    let refused = matches!(detail.row.outcome, Some(Outcome::Refused { .. }));
    html! {
        section.panel id="sending" data-part {
            h2 { (reader.say(Text::Sending)) }
            @if let Some(evidence) = &detail.forwarded {
                dl.facts {
                    dt { (reader.say(Text::Bundle)) }
                    dd {
                        (Text::Objects.fill(reader.language, &[&evidence.objects])) " "
                        span.key.muted { (short_digest(&evidence.bundle)) }
                    }
                    @if let Some(evidence) = &detail.acknowledged {
                        dt { (Text::ReceiptFrom.fill(reader.language, &[&evidence.receipt.central])) }
                        dd { (moment(evidence.receipt.at)) }
                    }
                }
            } @else if refused {
                p.muted { (reader.say(Text::NothingToSend)) }
            } @else {
                p.muted { (reader.say(Text::NothingSent)) }
            }
            @if !has_central && !refused && detail.acknowledged.is_none() { p.muted { (reader.say(Text::NoCentral)) } }
        }
    }
}
