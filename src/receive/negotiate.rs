//! Who may send, and what: an association request in, an answer out. No
//! socket.

use std::net::IpAddr;

use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceProviderASCEReason,
    AssociationRJServiceProviderPresentationReason, AssociationRJServiceUserReason,
    AssociationRJSource, AssociationRQ, Pdu, PresentationContextProposed,
    PresentationContextResult, PresentationContextResultReason, UserVariableItem,
};

use super::dimse::{COMMITMENT, VERIFICATION};
use super::pdu::MAX_PDU;
use crate::audit::Caller;
use crate::audit::Rejection;
use crate::config::DicomPeer;
use crate::config::DicomSettings;
use crate::config::Source;
use crate::names::AeTitle;
use crate::spool::IMPLEMENTATION_CLASS_UID;
use crate::spool::IMPLEMENTATION_VERSION;
use crate::store::Sender;

/// The one application context there is (PS3.7 A.2.1).
pub(super) const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// Storage SOP classes of the standard lie below this root (PS3.6 A).
const STORAGE_ROOT: &str = "1.2.840.10008.5.1.4.1.1.";
/// Transfer syntaxes of the standard: implicit little endian, and all others
/// below it.
const SYNTAX_ROOT: &str = "1.2.840.10008.1.2";
/// Below that root, but no DICOM data sets: RFC 2557 MIME and XML.
const NOT_A_SYNTAX: &[&str] = &["1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2"];
/// Transfer syntaxes that the box decodes, each with a decode test. Where a
/// context offers one of them it is taken; else the first that is offered:
/// what arrives is kept as it comes.
pub const DECODED: &[&str] = &[
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
];

/// What a storage commitment's data set may come in.
const COMMITMENT_SYNTAXES: &[&str] = &["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"];

/// A presentation context that both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) id: u8,
    pub(super) class: String,
    pub(super) syntax: String,
}

/// What both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    /// The accepted contexts.
    pub(super) contexts: Vec<Context>,
    /// Largest PDU the peer takes; 0: no limit.
    pub(super) peer_max: u32,
    /// The sender's name, as rows and pages say it.
    pub(super) source: String,
    /// Where it wants to hear of storage commitments.
    pub(super) commitment_to: Option<DicomPeer>,
}

/// How an association request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Road {
    /// Without TLS.
    Plain,
    /// By TLS, from a client with an accepted certificate.
    Tls,
}

/// Why an association was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Another protocol version or application context.
    Protocol,
    /// It calls somebody else.
    CalledAe,
    /// The caller is not on the list.
    CallingAe,
    /// The caller is on the list, but calls from another address.
    Address,
    /// The caller is on the list, but may send by TLS only.
    Plain,
    /// As many associations as the settings allow are open.
    Busy,
}

impl Refused {
    /// What the people at the box are told.
    pub(super) const fn rejection(self) -> Rejection {
        match self {
            Self::Protocol => Rejection::Protocol,
            Self::CalledAe => Rejection::CalledAe,
            Self::CallingAe => Rejection::CallingAe,
            Self::Address => Rejection::Address,
            Self::Plain => Rejection::Plain,
            Self::Busy => Rejection::Busy,
        }
    }

    /// A-ASSOCIATE-RJ (PS3.8 table 9-21).
    pub(super) fn answer(self) -> Pdu {
        use AssociationRJServiceUserReason as User;
        let (result, source) = match self {
            Self::Protocol => (
                AssociationRJResult::Permanent,
                AssociationRJSource::ServiceProviderASCE(
                    AssociationRJServiceProviderASCEReason::ProtocolVersionNotSupported,
                ),
            ),
            Self::CalledAe => (
                AssociationRJResult::Permanent,
                AssociationRJSource::ServiceUser(User::CalledAETitleNotRecognized),
            ),
            Self::CallingAe | Self::Address | Self::Plain => (
                AssociationRJResult::Permanent,
                AssociationRJSource::ServiceUser(User::CallingAETitleNotRecognized),
            ),
            Self::Busy => (
                AssociationRJResult::Transient,
                AssociationRJSource::ServiceProviderPresentation(
                    AssociationRJServiceProviderPresentationReason::LocalLimitExceeded,
                ),
            ),
        };
        Pdu::AssociationRJ(AssociationRJ { result, source })
    }
}

/// Who asks for an association.
pub(super) fn caller(request: &AssociationRQ, peer: IpAddr, road: Road) -> Caller {
    Caller {
        address: peer.to_canonical(),
        calling: request.calling_ae_title.parse().ok(),
        called: request.called_ae_title.parse().ok(),
        encrypted: road == Road::Tls,
    }
}

/// A sender that a person let in, as a source. Its name is not one that the
/// settings file gives, so that no rule for a source there holds for it.
pub(super) fn let_in(sender: Sender) -> Source {
    Source {
        name: format!("{} (allowed)", sender.calling),
        calling_ae: sender.calling,
        address: Some(sender.address),
        plain: sender.plain,
        commitment_to: None,
        pass_on: None,
    }
}

/// Answers an association request. `sources` are the senders that are let in.
pub(super) fn negotiate(
    request: &AssociationRQ,
    settings: &DicomSettings,
    sources: &[Source],
    peer: IpAddr,
    road: Road,
) -> Result<(Agreed, Pdu), Refused> {
    if request.protocol_version & 1 == 0
        || trimmed(&request.application_context_name) != APPLICATION_CONTEXT
    {
        return Err(Refused::Protocol);
    }
    if request.called_ae_title.trim_matches([' ', '\0']) != settings.ae_title.as_str() {
        return Err(Refused::CalledAe);
    }
    let (source, commitment_to) = source(&request.calling_ae_title, settings, sources, peer, road)?;
    let answers: Vec<_> = request.presentation_contexts.iter().map(answer).collect();
    let contexts = request
        .presentation_contexts
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.reason == PresentationContextResultReason::Acceptance)
        .map(|(proposed, answer)| Context {
            id: answer.id,
            class: trimmed(&proposed.abstract_syntax).to_owned(),
            syntax: answer.transfer_syntax.clone(),
        })
        .collect();
    let accept = Pdu::AssociationAC(AssociationAC {
        protocol_version: 1,
        calling_ae_title: request.calling_ae_title.clone(),
        called_ae_title: request.called_ae_title.clone(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: answers,
        user_variables: user_variables(),
    });
    let agreed = Agreed {
        contexts,
        peer_max: max_length(&request.user_variables),
        source,
        commitment_to,
    };
    Ok((agreed, accept))
}

/// What we say about ourselves in a request or an answer.
pub(super) fn user_variables() -> Vec<UserVariableItem> {
    vec![
        UserVariableItem::MaxLength(MAX_PDU),
        UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.to_owned()),
        UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION.to_owned()),
    ]
}

/// The peer's maximum length; 16384 where it says none.
pub(super) fn max_length(items: &[UserVariableItem]) -> u32 {
    items
        .iter()
        .find_map(|item| {
            if let UserVariableItem::MaxLength(length) = item {
                Some(*length)
            } else {
                None
            }
        })
        .unwrap_or(16_384)
}

/// UIDs in PDUs are not padded, but some senders do.
fn trimmed(uid: &str) -> &str {
    uid.trim_end_matches(['\0', ' '])
}

/// The source's name, and where it wants to hear of commitments.
type Known = (String, Option<DicomPeer>);

fn source(
    calling: &str,
    settings: &DicomSettings,
    sources: &[Source],
    peer: IpAddr,
    road: Road,
) -> Result<Known, Refused> {
    let calling: AeTitle = calling.parse().map_err(|_| Refused::CallingAe)?;
    let peer = peer.to_canonical();
    let mut refused = Refused::CallingAe;
    for source in sources.iter().filter(|s| s.calling_ae == calling) {
        match source.address {
            Some(address) if address.to_canonical() != peer => refused = Refused::Address,
            _ if road == Road::Plain && !source.plain => refused = Refused::Plain,
            _ => return Ok((source.name.clone(), source.commitment_to.clone())),
        }
    }
    if settings.accept_any {
        return Ok((calling.to_string(), None));
    }
    Err(refused)
}

fn answer(proposed: &PresentationContextProposed) -> PresentationContextResult {
    let class = trimmed(&proposed.abstract_syntax);
    let offered: Vec<&str> = proposed
        .transfer_syntaxes
        .iter()
        .map(|uid| trimmed(uid))
        .filter(|uid| is_syntax(uid))
        .collect();
    let chosen = if class == COMMITMENT {
        offered.iter().find(|uid| COMMITMENT_SYNTAXES.contains(uid))
    } else {
        let decoded = offered.iter().find(|uid| DECODED.contains(uid));
        decoded.or(offered.first())
    };
    let (reason, syntax) = match chosen {
        _ if class != VERIFICATION && class != COMMITMENT && !class.starts_with(STORAGE_ROOT) => {
            let reason = PresentationContextResultReason::AbstractSyntaxNotSupported;
            (reason, SYNTAX_ROOT)
        }
        None => {
            let reason = PresentationContextResultReason::TransferSyntaxesNotSupported;
            (reason, SYNTAX_ROOT)
        }
        Some(syntax) => (PresentationContextResultReason::Acceptance, *syntax),
    };
    PresentationContextResult {
        id: proposed.id,
        reason,
        transfer_syntax: syntax.to_owned(),
    }
}

fn is_syntax(uid: &str) -> bool {
    let below = uid
        .strip_prefix(SYNTAX_ROOT)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    below && !NOT_A_SYNTAX.contains(&uid)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::time::Duration;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

    fn settings() -> DicomSettings {
        DicomSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            tls: None,
            ae_title: "BONEBOX".parse().unwrap(),
            accept_any: false,
            sources: vec![Source {
                name: "room 1".into(),
                calling_ae: "XRAY".parse().unwrap(),
                address: Some([10, 0, 0, 7].into()),
                plain: true,
                commitment_to: None,
                pass_on: None,
            }],
            quiet_period: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(30),
            max_associations: 4,
            max_associations_per_source: 4,
            max_instance_bytes: 1,
        }
    }

    fn request(contexts: &[(&str, &[&str])]) -> AssociationRQ {
        AssociationRQ {
            protocol_version: 1,
            calling_ae_title: "XRAY".into(),
            called_ae_title: "BONEBOX".into(),
            application_context_name: APPLICATION_CONTEXT.into(),
            presentation_contexts: contexts
                .iter()
                .zip((1..).step_by(2))
                .map(|((class, syntaxes), id)| PresentationContextProposed {
                    id,
                    abstract_syntax: (*class).to_owned(),
                    transfer_syntaxes: syntaxes.iter().map(|s| (*s).to_owned()).collect(),
                })
                .collect(),
            user_variables: vec![UserVariableItem::MaxLength(16_384)],
        }
    }

    fn check(request: &AssociationRQ, settings: &DicomSettings, from: [u8; 4], expected: &str) {
        let found = match negotiate(
            request,
            settings,
            &settings.sources,
            from.into(),
            Road::Plain,
        ) {
            Ok((agreed, _)) => agreed.source,
            Err(refused) => refused.rejection().refused().unwrap_or_default().to_owned(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn closed_by_default() {
        let known = [10, 0, 0, 7];
        let good = request(&[(CT, &["1.2.840.10008.1.2"])]);
        check(&good, &settings(), known, "room 1");
        check(&good, &settings(), [10, 0, 0, 8], "address-unknown");
        let mut secret = settings();
        secret.sources[0].plain = false;
        check(&good, &secret, known, "tls-required");
        assert!(negotiate(&good, &secret, &secret.sources, known.into(), Road::Tls).is_ok());
        let mut other = good.clone();
        other.calling_ae_title = "STRANGER".into();
        check(&other, &settings(), known, "calling-ae-unknown");
        let open = DicomSettings {
            accept_any: true,
            ..settings()
        };
        check(&other, &open, known, "STRANGER");
        other.called_ae_title = "SOMEBODY".into();
        check(&other, &open, known, "called-ae-unknown");
        let mut old = good;
        old.protocol_version = 2;
        check(&old, &open, known, "protocol");
    }

    #[test]
    fn an_ipv4_sender_on_an_ipv6_listener_is_known() {
        let good = request(&[]);
        let mapped: IpAddr = "::ffff:10.0.0.7".parse().unwrap();
        let settings = settings();
        assert!(negotiate(&good, &settings, &settings.sources, mapped, Road::Tls).is_ok());
    }

    #[test]
    fn who_was_let_in_is_known_from_its_address_only() {
        let mut request = request(&[]);
        request.calling_ae_title = "STRANGER".into();
        let allowed = let_in(Sender {
            calling: "STRANGER".parse().unwrap(),
            address: [10, 0, 0, 9].into(),
            plain: false,
        });
        let ask = |from: [u8; 4], road| {
            negotiate(
                &request,
                &settings(),
                std::slice::from_ref(&allowed),
                from.into(),
                road,
            )
            .map(|(agreed, _)| agreed.source)
        };
        assert_eq!(
            ask([10, 0, 0, 9], Road::Tls).as_deref(),
            Ok("STRANGER (allowed)")
        );
        assert_eq!(ask([10, 0, 0, 9], Road::Plain), Err(Refused::Plain));
        assert_eq!(ask([10, 0, 0, 8], Road::Tls), Err(Refused::Address));
    }

    fn chosen(class: &str, offered: &[&str]) -> Option<String> {
        let request = request(&[(class, offered)]);
        let (settings, from) = (settings(), [10, 0, 0, 7].into());
        let (agreed, _) =
            negotiate(&request, &settings, &settings.sources, from, Road::Plain).unwrap();
        agreed.contexts.into_iter().next().map(|c| c.syntax)
    }

    #[test]
    fn what_can_be_decoded_comes_first_and_all_else_is_kept() {
        let chosen = |class, offered: &[&str]| chosen(class, offered);
        let (implicit, extended) = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.4.51");
        let j2k = "1.2.840.10008.1.2.4.90";
        assert_eq!(chosen(CT, &[extended, implicit]).as_deref(), Some(implicit));
        assert_eq!(chosen(CT, &[j2k, implicit]).as_deref(), Some(j2k));
        assert_eq!(chosen(CT, &[extended]).as_deref(), Some(extended));
        assert_eq!(chosen(CT, &["1.2.840.113619.5.2"]), None);
        assert_eq!(chosen(CT, &["1.2.840.10008.1.2.6.2"]), None);
        assert_eq!(chosen("1.2.3.4.999", &[implicit]), None);
        // C-FIND is not ours.
        assert_eq!(chosen("1.2.840.10008.5.1.4.1.2.2.1", &[implicit]), None);
        let padded = format!("{VERIFICATION}\0");
        assert_eq!(chosen(&padded, &[implicit]).as_deref(), Some(implicit));
    }
}
