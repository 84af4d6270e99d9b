//! libzmq's C functions, declared by hand from `zmq.h` 4.3.5: only those that the safe face calls.

use std::ffi::{c_char, c_int, c_long, c_short, c_void};

/// `zmq_msg_t`: 64 bytes, aligned like a pointer, contents private to libzmq.
#[repr(C)]
#[derive(Debug)]
pub(super) struct zmq_msg_t {
    private: [*mut c_void; 64 / size_of::<*mut c_void>()],
}

/// `zmq_pollitem_t`, here always with a socket and never with a descriptor.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct zmq_pollitem_t {
    pub(super) socket: *mut c_void,
    pub(super) fd: c_int,
    pub(super) events: c_short,
    pub(super) revents: c_short,
}

pub(super) type zmq_free_fn = extern "C" fn(data: *mut c_void, hint: *mut c_void);

pub(super) const ZMQ_DONTWAIT: c_int = 1;
pub(super) const ZMQ_SNDMORE: c_int = 2;
pub(super) const ZMQ_POLLIN: c_short = 1;
pub(super) const ZMQ_POLLOUT: c_short = 2;

unsafe extern "C" {
    pub(super) fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int);
    pub(super) fn zmq_has(capability: *const c_char) -> c_int;
    pub(super) fn zmq_errno() -> c_int;
    pub(super) fn zmq_strerror(errno: c_int) -> *const c_char;

    pub(super) fn zmq_ctx_new() -> *mut c_void;
    pub(super) fn zmq_ctx_set(context: *mut c_void, option: c_int, value: c_int) -> c_int;
    pub(super) fn zmq_ctx_shutdown(context: *mut c_void) -> c_int;
    pub(super) fn zmq_ctx_term(context: *mut c_void) -> c_int;

    pub(super) fn zmq_socket(context: *mut c_void, kind: c_int) -> *mut c_void;
    pub(super) fn zmq_close(socket: *mut c_void) -> c_int;
    pub(super) fn zmq_bind(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub(super) fn zmq_connect(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub(super) fn zmq_connect_peer(socket: *mut c_void, endpoint: *const c_char) -> u32;
    pub(super) fn zmq_unbind(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub(super) fn zmq_disconnect(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub(super) fn zmq_setsockopt(
        socket: *mut c_void,
        option: c_int,
        value: *const c_void,
        len: usize,
    ) -> c_int;
    pub(super) fn zmq_getsockopt(
        socket: *mut c_void,
        option: c_int,
        value: *mut c_void,
        len: *mut usize,
    ) -> c_int;
    pub(super) fn zmq_socket_monitor(socket: *mut c_void, endpoint: *const c_char, events: c_int) -> c_int;
    pub(super) fn zmq_join(socket: *mut c_void, group: *const c_char) -> c_int;
    pub(super) fn zmq_leave(socket: *mut c_void, group: *const c_char) -> c_int;

    pub(super) fn zmq_send(socket: *mut c_void, data: *const c_void, len: usize, flags: c_int) -> c_int;
    pub(super) fn zmq_poll(items: *mut zmq_pollitem_t, count: c_int, timeout_ms: c_long) -> c_int;

    pub(super) fn zmq_msg_init(message: *mut zmq_msg_t) -> c_int;
    pub(super) fn zmq_msg_init_size(message: *mut zmq_msg_t, len: usize) -> c_int;
    pub(super) fn zmq_msg_init_data(
        message: *mut zmq_msg_t,
        data: *mut c_void,
        len: usize,
        free: Option<zmq_free_fn>,
        hint: *mut c_void,
    ) -> c_int;
    pub(super) fn zmq_msg_close(message: *mut zmq_msg_t) -> c_int;
    pub(super) fn zmq_msg_send(message: *mut zmq_msg_t, socket: *mut c_void, flags: c_int) -> c_int;
    pub(super) fn zmq_msg_recv(message: *mut zmq_msg_t, socket: *mut c_void, flags: c_int) -> c_int;
    pub(super) fn zmq_msg_data(message: *mut zmq_msg_t) -> *mut c_void;
    pub(super) fn zmq_msg_size(message: *const zmq_msg_t) -> usize;
    pub(super) fn zmq_msg_more(message: *const zmq_msg_t) -> c_int;
    pub(super) fn zmq_msg_routing_id(message: *mut zmq_msg_t) -> u32;
    pub(super) fn zmq_msg_set_routing_id(message: *mut zmq_msg_t, routing_id: u32) -> c_int;
    pub(super) fn zmq_msg_group(message: *mut zmq_msg_t) -> *const c_char;
    pub(super) fn zmq_msg_set_group(message: *mut zmq_msg_t, group: *const c_char) -> c_int;

    pub(super) fn zmq_curve_keypair(public: *mut c_char, secret: *mut c_char) -> c_int;
    pub(super) fn zmq_curve_public(public: *mut c_char, secret: *const c_char) -> c_int;
}
