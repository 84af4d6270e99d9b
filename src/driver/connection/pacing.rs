//! What stands still: the line to the peer, or the lane to the receivers.
//!
//! Both are filled no further than a pace while they move, and to their marks when they do not: the pipe knows no clock,
//! so it is told. One alarm for each is set when something is held up, and not moved nor taken back when that goes on: it
//! costs one pass in so much time. Once it is known that nothing moves no alarm is set before something does.

use std::task::Context;
use std::time::{Duration, Instant};

use super::Connection;
use crate::driver::Incoming;
use crate::runtime;

/// What has not moved for this long stands still; it may take twice as long to see it. Longer than a peer or a receiver
/// that is busy with what it has needs to come back.
const STILL: Duration = Duration::from_millis(2);

/// What is known of the line and of the lane.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    line: Line,
    /// When to look whether the line has moved.
    line_at: Option<Instant>,
    /// When to look whether the lane has moved.
    lane_at: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nobody wants to know.
    #[default]
    Unwatched,
    /// Something was written since the line was last held up, or since the alarm was set.
    Moves,
    /// Nothing was written since the alarm was set.
    HeldUp,
    /// The pipe was told.
    Still,
}

impl Pacing {
    /// The kernel has no room.
    pub(super) fn handle_blocked(&mut self) {
        if self.line == Line::Moves && self.line_at.is_none() {
            self.line = Line::HeldUp;
            self.line_at = Some(runtime::now() + STILL);
        }
    }

    /// Something was written.
    #[inline]
    pub(super) fn handle_written(&mut self) {
        if self.line != Line::Unwatched {
            self.line = Line::Moves;
        }
    }
}

impl Connection {
    /// The pipe and the lane are there.
    pub(super) fn begin_pacing(&mut self) {
        let traffic = &self.shared.traffic;
        if let (Some(outgoing), Some(pipe)) = (&traffic.outgoing, self.outgoing)
            && outgoing.pace(pipe)
        {
            self.pacing.line = Line::Moves;
        }
        // A publisher does not wait for its subscribers, but drops: theirs take in what they can.
        if let (Incoming::Messages(inbox), Some(lane), None) =
            (&traffic.incoming, self.lane, &traffic.interest)
        {
            inbox.pace(lane);
        }
    }

    /// When to look next.
    pub(super) fn next_look(&mut self) -> Option<Instant> {
        let pacing = &mut self.pacing;
        if let (Incoming::Messages(inbox), Some(lane), true, None) = (
            &self.shared.traffic.incoming,
            self.lane,
            self.at_mark,
            pacing.lane_at,
        ) && inbox.is_paced(lane)
        {
            pacing.lane_at = Some(runtime::now() + STILL);
        }
        [pacing.line_at, pacing.lane_at].into_iter().flatten().min()
    }

    /// Looks at what was held up, if it is time.
    pub(super) fn look_what_moves(&mut self, now: Instant, cx: &mut Context<'_>) {
        if self.pacing.line_at.take_if(|at| now >= *at).is_some() && self.pacing.line == Line::HeldUp {
            self.lift_pace();
        }
        if self.pacing.lane_at.take_if(|at| now >= *at).is_some()
            && self.at_mark
            && let (Incoming::Messages(inbox), Some(lane)) = (&self.shared.traffic.incoming, self.lane)
            && inbox.handle_stalled(lane)
        {
            // To read on.
            cx.waker().wake_by_ref();
        }
    }

    /// The line stands still.
    pub(super) fn lift_pace(&mut self) {
        if let (Some(outgoing), Some(pipe)) = (&self.shared.traffic.outgoing, self.outgoing)
            && self.pacing.line != Line::Unwatched
        {
            self.pacing.line = Line::Still;
            outgoing.handle_stalled(pipe);
        }
    }
}
