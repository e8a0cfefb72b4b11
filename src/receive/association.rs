//! Whose turn it is (PS3.8 9.2, PS3.7 9.3): fragments in, actions out, and the
//! loop around it. The loop has a thread of its own, on which it writes too.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::ReceiveError;
use super::callers::Callers;
use super::commitment::{self, Report};
use super::dimse::{self, Request, StoreRequest};
use super::keep::Incoming;
use super::negotiate::{Agreed, Context};
use super::pdu::{self, Fragment, Fragments, FrameError, Kind};
use super::status::{self, DimseStatus};
use crate::audit::Caller;
use crate::audit::Rejection;
use crate::names::StudyKey;

/// Largest command set: ours have some 200 bytes.
const MAX_COMMAND: usize = 16 * 1024;

/// How an association ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By A-RELEASE.
    Released,
    /// By the peer's A-ABORT.
    Aborted,
    /// The peer closed or lost the connection.
    Closed,
    /// The same, an abort or a silence, in the middle of an instance.
    Interrupted,
    /// We ended it: the peer was silent too long.
    Silent,
    /// We ended it: the box stops.
    Stopped,
    /// We ended it: the peer broke the protocol.
    Violation(&'static str),
}

impl End {
    /// The reason in our A-ABORT (PS3.8 table 9-26), where we end it.
    fn abort(self) -> Option<u8> {
        match self {
            Self::Released | Self::Aborted | Self::Closed | Self::Interrupted => None,
            Self::Silent | Self::Stopped => Some(0),
            Self::Violation("not a DICOM PDU") => Some(1),
            Self::Violation("an unexpected PDU") => Some(2),
            Self::Violation(_) => Some(6),
        }
    }
}

/// What is to be done about a fragment.
pub(super) enum Action<'a> {
    /// Nothing yet.
    Wait,
    /// Send a command set on a context.
    Answer(u8, Vec<u8>),
    /// A data set to keep follows.
    Begin(&'a StoreRequest, &'a Context),
    /// Bytes of the data set.
    Data(&'a [u8]),
    /// The last bytes of the data set.
    Last(&'a [u8], StoreRequest, u8),
    /// A request for storage commitment, whole.
    Commit(&'a Context, u16, Vec<u8>),
}

/// What is expected next.
enum Turn {
    /// A command, of which this much is here.
    Command(Vec<u8>),
    /// The data set of a C-STORE.
    DataSet(u8, StoreRequest),
    /// The data set of a request for storage commitment, of which this much is
    /// here.
    Commitment(u8, u16, Vec<u8>),
    /// A data set that nobody wants, then this answer.
    Unwanted(u8, Vec<u8>),
}

/// An association's protocol, without its socket.
pub(super) struct Dialogue {
    contexts: Vec<Context>,
    turn: Turn,
    /// The context of the command that is coming in.
    context: u8,
}

impl Dialogue {
    pub(super) fn new(contexts: Vec<Context>) -> Self {
        Self {
            contexts,
            turn: Turn::Command(Vec::new()),
            context: 0,
        }
    }

    pub(super) fn take<'a>(
        &'a mut self,
        fragment: Fragment<'a>,
    ) -> Result<Action<'a>, &'static str> {
        let id = fragment.context;
        if !self.contexts.iter().any(|context| context.id == id) {
            return Err("a presentation context that was not accepted");
        }
        match (&mut self.turn, fragment.command) {
            (Turn::Command(_), true) => self.command(fragment),
            (
                Turn::DataSet(expected, _)
                | Turn::Unwanted(expected, _)
                | Turn::Commitment(expected, ..),
                false,
            ) if *expected == id => self.data(fragment),
            (Turn::Command(_), false) => Err("a data set without a command"),
            (Turn::DataSet(..) | Turn::Unwanted(..) | Turn::Commitment(..), _) => {
                Err("a data set interrupted by something else")
            }
        }
    }

    fn command<'a>(&'a mut self, fragment: Fragment<'a>) -> Result<Action<'a>, &'static str> {
        let id = fragment.context;
        let Turn::Command(gathered) = &mut self.turn else {
            return Ok(Action::Wait);
        };
        if gathered.is_empty() {
            self.context = id;
        } else if self.context != id {
            return Err("a command that changes its context");
        }
        if gathered.len() + fragment.bytes.len() > MAX_COMMAND {
            return Err("a command that is too long");
        }
        gathered.extend_from_slice(fragment.bytes);
        if !fragment.last {
            return Ok(Action::Wait);
        }
        let set = std::mem::take(gathered);
        match dimse::request(&set).map_err(|broken| broken.0)? {
            Request::Echo { message } => Ok(Action::Answer(id, dimse::echo_response(message))),
            Request::Cancel => Ok(Action::Wait),
            Request::Commit { message } => {
                self.turn = Turn::Commitment(id, message, Vec::new());
                Ok(Action::Wait)
            }
            Request::Store(request) => {
                self.turn = Turn::DataSet(id, request);
                let context = self.contexts.iter().find(|context| context.id == id);
                match (&self.turn, context) {
                    (Turn::DataSet(_, request), Some(context)) => {
                        Ok(Action::Begin(request, context))
                    }
                    _ => Err("a presentation context that was not accepted"),
                }
            }
            Request::Other {
                field,
                message,
                data_set,
            } => {
                let answer = dimse::unrecognized(field, message);
                if data_set {
                    self.turn = Turn::Unwanted(id, answer);
                    return Ok(Action::Wait);
                }
                Ok(Action::Answer(id, answer))
            }
        }
    }

    fn data<'a>(&'a mut self, fragment: Fragment<'a>) -> Result<Action<'a>, &'static str> {
        if let Turn::Commitment(_, _, gathered) = &mut self.turn {
            if gathered.len() + fragment.bytes.len() > commitment::MAX_REQUEST {
                return Err("a request for commitment that is too long");
            }
            gathered.extend_from_slice(fragment.bytes);
        }
        if !fragment.last {
            return Ok(match self.turn {
                Turn::DataSet(..) => Action::Data(fragment.bytes),
                Turn::Command(_) | Turn::Unwanted(..) | Turn::Commitment(..) => Action::Wait,
            });
        }
        Ok(
            match std::mem::replace(&mut self.turn, Turn::Command(Vec::new())) {
                Turn::DataSet(id, request) => Action::Last(fragment.bytes, request, id),
                Turn::Unwanted(id, answer) => Action::Answer(id, answer),
                Turn::Commitment(id, message, set) => {
                    let context = self.contexts.iter().find(|context| context.id == id);
                    let context = context.ok_or("a context that was not accepted")?;
                    Action::Commit(context, message, set)
                }
                Turn::Command(_) => Action::Wait,
            },
        )
    }
}

/// An established association.
pub(super) struct Association<S> {
    /// Its connection.
    pub(super) stream: S,
    /// Where its instances go.
    pub(super) incoming: Incoming,
    /// Longest silence, and longest time for one PDU.
    pub(super) idle: Duration,
    /// True when the box stops.
    pub(super) stop: watch::Receiver<bool>,
    /// Studies that had instances.
    pub(super) studies: Vec<StudyKey>,
    /// What is turned away is noted there.
    pub(super) callers: Callers,
    /// Who sends.
    pub(super) caller: Caller,
    /// Reports of storage commitments, for an association of their own.
    pub(super) commitments: Vec<Report>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Association<S> {
    /// Serves it to its end. One bad instance does not end it.
    pub(super) async fn run(&mut self, agreed: &Agreed) -> End {
        let mut dialogue = Dialogue::new(agreed.contexts.clone());
        let mut body = Vec::new();
        let end = loop {
            match self.step(&mut dialogue, agreed, &mut body).await {
                Ok(()) => {}
                Err(end) => break end,
            }
        };
        if let Some(reason) = end.abort() {
            // The peer may be gone; then there is nobody to tell.
            self.write(&pdu::abort(reason)).await.ok();
        }
        let cut = matches!(end, End::Aborted | End::Closed | End::Silent);
        if cut && matches!(dialogue.turn, Turn::DataSet(..)) {
            return End::Interrupted;
        }
        end
    }

    /// One PDU.
    async fn step(
        &mut self,
        dialogue: &mut Dialogue,
        agreed: &Agreed,
        body: &mut Vec<u8>,
    ) -> Result<(), End> {
        let kind = tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => return Err(End::Stopped),
            read = timeout(self.idle, pdu::read(&mut self.stream, body)) => match read {
                Err(_) => return Err(End::Silent),
                Ok(Err(error)) => return Err(frame_end(&error)),
                Ok(Ok(None)) => return Err(End::Closed),
                Ok(Ok(Some(kind))) => kind,
            },
        };
        match kind {
            Kind::Data => {
                if body.is_empty() {
                    return Err(End::Violation("a P-DATA without a fragment"));
                }
                for fragment in Fragments(body) {
                    let fragment = fragment.map_err(|error| frame_end(&error))?;
                    let action = dialogue.take(fragment).map_err(End::Violation)?;
                    self.act(action, agreed).await?;
                }
                Ok(())
            }
            Kind::ReleaseRequest => {
                self.write(&pdu::RELEASE_RESPONSE).await?;
                Err(End::Released)
            }
            Kind::Abort => Err(End::Aborted),
            Kind::AssociateRequest
            | Kind::AssociateAccept
            | Kind::AssociateReject
            | Kind::ReleaseResponse => Err(End::Violation("an unexpected PDU")),
        }
    }

    async fn act(&mut self, action: Action<'_>, agreed: &Agreed) -> Result<(), End> {
        let peer_max = agreed.peer_max;
        match action {
            Action::Commit(context, message, set) => {
                self.commit(context, message, &set, agreed).await
            }
            Action::Wait => Ok(()),
            Action::Answer(context, set) => {
                self.write(&pdu::command(context, &set, peer_max)).await
            }
            Action::Begin(request, context) => {
                self.incoming.begin(request, context);
                Ok(())
            }
            Action::Data(bytes) => self.push(bytes),
            Action::Last(bytes, request, context) => {
                self.push(bytes)?;
                let (status, comment) = match self.incoming.finish() {
                    Ok(study) => {
                        self.note(study);
                        (DimseStatus::Success, "")
                    }
                    Err(error) => self.refused(&error),
                };
                let set = dimse::store_response(&request, status, comment);
                self.write(&pdu::command(context, &set, peer_max)).await
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), End> {
        let pushed = self.incoming.push(bytes);
        pushed.map_err(|_| End::Violation("a data set without an end"))
    }

    /// Answers a request for storage commitment, and reports at once, or later
    /// on an association of its own.
    async fn commit(
        &mut self,
        context: &Context,
        message: u16,
        set: &[u8],
        agreed: &Agreed,
    ) -> Result<(), End> {
        let report = commitment::report(set, &context.syntax, |asked| self.incoming.held(asked));
        let (status, report) = match report {
            Ok(report) => (DimseStatus::Success, Some(report)),
            Err(error) => (status::of(&error).0, None),
        };
        let answer = dimse::commit_response(message, status);
        self.write(&pdu::command(context.id, &answer, agreed.peer_max))
            .await?;
        match report {
            Some(report) if agreed.commitment_to.is_some() => self.commitments.push(report),
            Some(report) => {
                let bytes = report.message(context.id, &context.syntax, agreed.peer_max);
                self.write(&bytes).await?;
            }
            None => {}
        }
        Ok(())
    }

    /// Notes a study that has had an instance.
    fn note(&mut self, study: StudyKey) {
        if !self.studies.contains(&study) {
            self.studies.push(study);
        }
    }

    fn refused(&self, error: &ReceiveError) -> (DimseStatus, &'static str) {
        let (status, why) = status::of(error);
        tracing::warn!(
            status = format_args!("{:04X}", status.code()),
            error = %Chain(error),
            "instance refused"
        );
        let rejection = Rejection::Instance {
            status: status.code(),
            why: why.into(),
        };
        self.callers.add(rejection, self.caller.clone());
        (status, why)
    }

    /// Writes at once; a peer that does not read is not waited for.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        match timeout(self.idle, self.stream.write_all(bytes)).await {
            Err(_) => Err(End::Silent),
            Ok(Err(_)) => Err(End::Closed),
            Ok(Ok(())) => self.stream.flush().await.map_err(|_| End::Closed),
        }
    }
}

/// An error with its causes on one line.
pub(super) struct Chain<'a>(pub(super) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

fn frame_end(error: &FrameError) -> End {
    match error {
        FrameError::Broken(_) => End::Closed,
        FrameError::Unrecognized => End::Violation("not a DICOM PDU"),
        FrameError::TooLong => End::Violation("a PDU that is too long"),
        FrameError::Malformed => End::Violation("a PDU whose fields do not fit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialogue() -> Dialogue {
        Dialogue::new(vec![Context {
            id: 1,
            class: "1.2.840.10008.5.1.4.1.1.2".into(),
            syntax: "1.2.840.10008.1.2.1".into(),
        }])
    }

    fn fragment(context: u8, command: bool, last: bool, bytes: &[u8]) -> Fragment<'_> {
        Fragment {
            context,
            command,
            last,
            bytes,
        }
    }

    fn says(action: Result<Action<'_>, &'static str>) -> String {
        match action {
            Ok(Action::Wait) => "wait".into(),
            Ok(Action::Answer(context, _)) => format!("answer on {context}"),
            Ok(Action::Begin(..)) => "begin".into(),
            Ok(Action::Data(bytes)) => format!("{} bytes", bytes.len()),
            Ok(Action::Last(bytes, ..)) => format!("last {} bytes", bytes.len()),
            Ok(Action::Commit(context, ..)) => format!("commitment on {}", context.id),
            Err(why) => why.into(),
        }
    }

    #[test]
    fn commands_split_over_fragments_are_joined() {
        let set = dimse::store_request(1, "1.2.840.10008.5.1.4.1.1.2", "1.2");
        for cut in 0..set.len() {
            let mut dialogue = dialogue();
            let first = fragment(1, true, false, &set[..cut]);
            assert_eq!(says(dialogue.take(first)), "wait");
            let rest = fragment(1, true, true, &set[cut..]);
            assert_eq!(says(dialogue.take(rest)), "begin");
        }
    }

    #[test]
    fn turns_are_kept() {
        let store = dimse::store_request(1, "1.2.840.10008.5.1.4.1.1.2", "1.2");
        let echo = dimse::echo_request(2);
        let mut dialogue = dialogue();
        let mut check = |fragment, expected: &str| {
            assert_eq!(says(dialogue.take(fragment)), expected);
        };
        check(fragment(1, true, true, &echo), "answer on 1");
        check(fragment(1, true, true, &store), "begin");
        check(fragment(1, false, false, b"abc"), "3 bytes");
        check(fragment(1, false, true, b"de"), "last 2 bytes");
        check(
            fragment(1, false, true, b"de"),
            "a data set without a command",
        );
        check(fragment(1, true, true, &store), "begin");
        check(
            fragment(1, true, true, &echo),
            "a data set interrupted by something else",
        );
        check(
            fragment(99, true, true, &echo),
            "a presentation context that was not accepted",
        );
    }

    #[test]
    fn what_is_not_ours_is_answered_after_its_data_set() {
        // C-FIND-RQ with an identifier: field 0020, message 1, data set 0001.
        let find = [
            [0, 0, 0, 1, 2, 0, 0, 0, 0x20, 0],
            [0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0],
            [0, 0, 0, 8, 2, 0, 0, 0, 1, 0],
        ]
        .concat();
        let mut dialogue = dialogue();
        assert_eq!(says(dialogue.take(fragment(1, true, true, &find))), "wait");
        assert_eq!(says(dialogue.take(fragment(1, false, false, b"x"))), "wait");
        assert_eq!(
            says(dialogue.take(fragment(1, false, true, b"x"))),
            "answer on 1"
        );
    }

    #[test]
    fn an_endless_command_is_refused() {
        let mut dialogue = dialogue();
        let bytes = [0; 10_000];
        assert_eq!(
            says(dialogue.take(fragment(1, true, false, &bytes))),
            "wait"
        );
        assert_eq!(
            says(dialogue.take(fragment(1, true, false, &bytes))),
            "a command that is too long"
        );
    }
}
