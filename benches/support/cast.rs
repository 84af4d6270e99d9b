//! Who plays what where contestants are compared: a part of a case, in a process of its own.

use super::Failure;
use super::case::Case;
use super::contestant::Contestant;
use super::process::{self, Process, Role};

/// What a process does in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Send,
    Receive,
    /// Both ends of an in-process transfer.
    SendAndReceive,
    Ask,
    Answer,
    /// Both ends of in-process round trips.
    AskAndAnswer,
}

impl Part {
    const ALL: [(Part, &'static str); 6] = [
        (Part::Send, "send"),
        (Part::Receive, "receive"),
        (Part::SendAndReceive, "send-and-receive"),
        (Part::Ask, "ask"),
        (Part::Answer, "answer"),
        (Part::AskAndAnswer, "ask-and-answer"),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(part, _)| *part == self)
            .expect("ALL lists every part")
            .1
    }

    /// Starts a process that plays this part.
    pub fn start(
        self,
        case: &Case,
        contestant: Contestant,
        endpoint: Option<&str>,
    ) -> Result<Process, Failure> {
        Role::new(self.name())
            .with("case", case)
            .with("contestant", contestant)
            .to(endpoint.unwrap_or_default())
            .start()
    }
}

/// In a process that was started so: plays its part in one of `cases`, until it is killed.
pub fn play(role: &str, cases: &[Case]) -> Result<(), Failure> {
    let (case, contestant): (String, String) = (process::detail("case")?, process::detail("contestant")?);
    let case = cases
        .iter()
        .find(|known| known.to_string() == case)
        .ok_or("unknown case")?;
    let contestant = Contestant::by_name(&contestant).ok_or("unknown contestant")?;
    let (part, _) = *Part::ALL
        .iter()
        .find(|(_, name)| *name == role)
        .ok_or("unknown role")?;
    if case.one_cpu {
        peers::process::pin_to_cpu(0)?;
    }
    let side = contestant.side();
    match part {
        Part::Send => side.send(case),
        Part::Receive => side.receive(case),
        Part::SendAndReceive => side.send_and_receive(case),
        Part::Ask => side.ask(case),
        Part::Answer => side.answer(case),
        Part::AskAndAnswer => side.ask_and_answer(case),
    }
}
