//! Who may enter by the user of its process: what the system knows about the other end of an ipc connection.

use std::future::{Future, ready};

use super::{Applicant, Authenticator, Verdict};

/// Lets processes of these users and groups in, over ipc alone: there the system says who the other process is.
///
/// With [NULL](crate::Null::server) it is all that decides. It looks at nothing else, so with another mechanism it
/// lets everybody in whom that lets in, as long as it is a process of theirs. The [user id](crate::Peer::user_id) of a
/// peer is the number of its user.
///
/// A path of ipc has mode 0600 by default, so that other users' processes do not come this far; an abstract name has
/// no mode at all.
///
/// # Examples
///
/// ```
/// use hubless::auth::LocalUsers;
/// use hubless::{Null, Rep};
///
/// let rep = Rep::builder().mechanism(Null::server(LocalUsers::new().uid(0).gid(27))).build()?;
/// # let _ = rep;
/// # Ok::<(), hubless::BuildError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct LocalUsers {
    uids: Vec<u32>,
    gids: Vec<u32>,
}

impl LocalUsers {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Processes of this user too. libzmq: `ZMQ_IPC_FILTER_UID`.
    ///
    /// Example: at [`LocalUsers`].
    #[must_use]
    pub fn uid(mut self, uid: u32) -> Self {
        self.uids.push(uid);
        self
    }

    /// Processes of this group too. It is the process's own group that counts, not those that its user is also in.
    /// libzmq: `ZMQ_IPC_FILTER_GID`.
    ///
    /// Example: at [`LocalUsers`].
    #[must_use]
    pub fn gid(mut self, gid: u32) -> Self {
        self.gids.push(gid);
        self
    }
}

impl Authenticator for LocalUsers {
    fn authenticate(&self, applicant: Applicant) -> impl Future<Output = Verdict> + Send {
        ready(match applicant.process() {
            None => Verdict::refuse(format!(
                "{} is not a process of this machine",
                applicant.address()
            )),
            Some(process) if self.uids.contains(&process.uid) || self.gids.contains(&process.gid) => {
                Verdict::accept_as(process.uid.to_string())
            }
            Some(process) => Verdict::refuse(format!(
                "neither user {} nor group {} is on the list",
                process.uid, process.gid
            )),
        })
    }
}
