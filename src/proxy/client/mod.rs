//! The client's side: [`listen`] is the workers and their socket, `connection` one client under limits (`preface` tells which HTTP it speaks,
//! `http1` and `http2` serve it), `timed_io` the socket's timeouts, `streams` and `frames` what HTTP/2 needs beside them, `link` what a request
//! tells its connection.

pub(in crate::proxy) mod connection;
mod frames;
mod http1;
mod http2;
pub(in crate::proxy) mod link;
pub mod listen;
mod preface;
pub(in crate::proxy) mod streams;
pub(in crate::proxy) mod timed_io;
