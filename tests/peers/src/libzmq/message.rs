//! One frame as libzmq holds it.

use std::ffi::{CStr, CString, c_void};
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use super::error::{Error, Result, check};
use super::ffi::{self, zmq_msg_t};

/// `zmq_msg_t`: one frame. Receiving into the same one again and again is libzmq's fastest way to receive.
pub struct Msg(pub(super) zmq_msg_t);

// SAFETY: a message is plain data and a reference count that libzmq changes atomically.
unsafe impl Send for Msg {}

impl Msg {
    /// An empty frame, ready to receive into.
    pub fn new() -> Self {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: zmq_msg_init fills the 64 bytes and always returns 0.
        unsafe {
            ffi::zmq_msg_init(raw.as_mut_ptr());
            Self(raw.assume_init())
        }
    }

    /// A frame with a copy of these bytes.
    pub fn copy_of(bytes: &[u8]) -> Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: on success the message is initialised and has room for exactly these bytes.
        unsafe {
            check(
                "zmq_msg_init_size",
                ffi::zmq_msg_init_size(raw.as_mut_ptr(), bytes.len()),
            )?;
            let mut message = Self(raw.assume_init());
            let data = ffi::zmq_msg_data(&mut message.0).cast::<u8>();
            ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len());
            Ok(message)
        }
    }

    /// A frame that shares these bytes instead of copying them.
    pub fn shared(bytes: Arc<Vec<u8>>) -> Result<Self> {
        extern "C" fn release(_data: *mut c_void, hint: *mut c_void) {
            // SAFETY: hint came from Arc::into_raw below, and libzmq calls this once.
            drop(unsafe { Arc::from_raw(hint.cast_const().cast::<Vec<u8>>()) });
        }

        let (data, len) = (bytes.as_ptr(), bytes.len());
        let hint = Arc::into_raw(bytes);
        let mut raw = MaybeUninit::uninit();
        // SAFETY: the bytes live until `release` is called, and libzmq only reads them: a message whose buffer
        // came from outside is never written to by a sender.
        unsafe {
            let made = ffi::zmq_msg_init_data(
                raw.as_mut_ptr(),
                data.cast_mut().cast(),
                len,
                Some(release),
                hint.cast_mut().cast(),
            );
            if let Err(error) = check("zmq_msg_init_data", made) {
                drop(Arc::from_raw(hint));
                return Err(error);
            }
            Ok(Self(raw.assume_init()))
        }
    }

    /// How many bytes it holds.
    pub fn len(&self) -> usize {
        // SAFETY: the message is initialised.
        unsafe { ffi::zmq_msg_size(&self.0) }
    }

    /// Whether it holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes. `&mut`, because libzmq's accessor takes a pointer to a changeable message.
    pub fn bytes(&mut self) -> &[u8] {
        // SAFETY: the message is initialised; pointer and length describe its bytes, which live as long as it is
        // not changed, and the borrow prevents that. The pointer of an empty message is not used.
        unsafe {
            match ffi::zmq_msg_size(&self.0) {
                0 => &[],
                len => std::slice::from_raw_parts(ffi::zmq_msg_data(&mut self.0).cast(), len),
            }
        }
    }

    /// Whether more frames of the same message follow.
    pub fn more(&self) -> bool {
        // SAFETY: the message is initialised.
        unsafe { ffi::zmq_msg_more(&self.0) != 0 }
    }

    /// The number of the peer it came from, on SERVER and PEER sockets.
    pub fn routing_id(&mut self) -> u32 {
        // SAFETY: the message is initialised.
        unsafe { ffi::zmq_msg_routing_id(&mut self.0) }
    }

    /// Names the peer it goes to, on SERVER and PEER sockets.
    pub fn set_routing_id(&mut self, id: u32) -> Result<()> {
        // SAFETY: the message is initialised; libzmq checks the number.
        check("zmq_msg_set_routing_id", unsafe {
            ffi::zmq_msg_set_routing_id(&mut self.0, id)
        })
        .map(drop)
    }

    /// The group it was sent to, on DISH sockets.
    pub fn group(&mut self) -> String {
        // SAFETY: the message is initialised; the text ends with a zero and lives as long as the message.
        unsafe { CStr::from_ptr(ffi::zmq_msg_group(&mut self.0)) }
            .to_string_lossy()
            .into_owned()
    }

    /// Names the group it goes to, on RADIO sockets.
    pub fn set_group(&mut self, group: &str) -> Result<()> {
        let group = c_string("zmq_msg_set_group", group)?;
        // SAFETY: the message is initialised; libzmq copies the text.
        check("zmq_msg_set_group", unsafe {
            ffi::zmq_msg_set_group(&mut self.0, group.as_ptr())
        })
        .map(drop)
    }
}

impl Drop for Msg {
    fn drop(&mut self) {
        // SAFETY: the message is initialised (sending and receiving leave it so) and ends here.
        unsafe { ffi::zmq_msg_close(&mut self.0) };
    }
}

impl Default for Msg {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Msg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Msg")
            .field("len", &self.len())
            .field("more", &self.more())
            .finish()
    }
}

/// Text for C; one with a zero inside is refused as libzmq refuses nonsense.
pub(super) fn c_string(operation: &'static str, text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(operation, libc::EINVAL))
}
