//! A question that is asked in one call and answered in another: REQ where its kind is not known to the compiler.
//!
//! It is the future of a [`request`](crate::Socket::request), which shares its socket instead of borrowing it, and is
//! kept between the two calls. Dropping it gives the question up, as dropping that future does.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::{Requesting, Stage, sides};
use crate::error::RequestError;
use crate::message::Message;
use crate::pipe::SendTicket;
use crate::socket::core::Core;
use crate::socket::{Socket, kind};

impl Socket<kind::Req> {
    /// Begins to ask. Nothing happens before it is polled.
    pub(crate) fn ask(&self, message: Message) -> Asked {
        Asked {
            asking: Requesting {
                core: self.core.clone(),
                payload: message.into(),
                question: self.core.correlation.next(),
                stage: Stage::Asking(SendTicket::default()),
            },
            answer: None,
        }
    }
}

/// A question on its way, or out.
#[derive(Debug)]
pub(crate) struct Asked {
    asking: Requesting<'static, Arc<Core>>,
    /// It may come before somebody asks for it.
    answer: Option<Result<Message, RequestError>>,
}

impl Asked {
    /// Ready when the question is out, or cannot be asked.
    pub(crate) fn poll_asked(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RequestError>> {
        if let Poll::Ready(answer) = Pin::new(&mut self.asking).poll(cx) {
            match answer {
                Err(error @ RequestError::Send(_)) => return Poll::Ready(Err(error)),
                answer => self.answer = Some(answer),
            }
            return Poll::Ready(Ok(()));
        }
        match self.asking.stage {
            Stage::Asking(_) => Poll::Pending,
            Stage::Waiting(..) | Stage::Done => Poll::Ready(Ok(())),
        }
    }

    /// Ready when there is an answer, or it is known that there will be none; either is kept.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.answer.is_none() {
            self.answer = Some(ready!(Pin::new(&mut self.asking).poll(cx)));
        }
        Poll::Ready(())
    }

    /// Whether it is known that there will be no answer, since the connection that carried the question has ended.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self.answer, Some(Err(RequestError::ConnectionLost { .. })))
    }

    /// What has come of it, if it is ready.
    pub(crate) fn into_answer(self) -> Option<Result<Message, RequestError>> {
        self.answer
    }

    /// Nobody waits for the answer at the moment: who waits for something else is not to be passed over.
    pub(crate) fn leave(&mut self) {
        if let (Stage::Waiting(_, ticket), Some((_, inbox))) =
            (&mut self.asking.stage, sides(&self.asking.core))
        {
            inbox.leave(ticket);
        }
    }
}
