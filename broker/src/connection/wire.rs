//! A socket with its framing: MQTT bytes in, MQTT bytes out, plain or within WebSocket frames.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::websocket::{
    CloseCode, FRAME_HEADER_MAX, Fed, FrameDecoder, binary_frame_header, put_binary_frame, put_close_frame,
};

/// Most bytes of one read.
const READ_MAX: usize = 64 * 1024;

thread_local! {
    /// Every read of this thread goes here first, so that a connection that waits holds no read buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_MAX].into_boxed_slice());
}

/// A socket and the little that is kept for it.
pub(super) struct Wire<S> {
    io: S,
    websocket: Option<FrameDecoder>,
    /// WebSocket only: the beginning of a frame.
    frames: BytesMut,
    /// MQTT bytes that are not decoded yet: less than a packet when the connection waits.
    pub(super) input: BytesMut,
    /// Framed bytes that the socket has not taken.
    output: BytesMut,
    /// Length of the last read that `input` was filled with.
    pub(super) read_bytes: usize,
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// There may be more input.
    Data,
    /// Nothing will come any more: the peer closed, or broke the framing and is being told so.
    Ended,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn plain(io: S) -> Self {
        Self {
            io,
            websocket: None,
            frames: BytesMut::new(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            read_bytes: 0,
        }
    }

    /// From now on frames, of at most the length of the largest packet and what else shares a frame with it.
    pub(super) fn speak_websocket(&mut self, packet_size_max: u32) {
        self.websocket = Some(FrameDecoder::new(packet_size_max.saturating_mul(2)));
    }

    /// Turns what was read beyond the HTTP request into frames. The peer must not have sent any, but may have.
    pub(super) fn reframe(&mut self) -> ReadOutcome {
        self.frames = std::mem::take(&mut self.input);
        self.feed_frames()
    }

    /// Reads once and appends to `input`.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<ReadOutcome>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
            let read = buffer.filled();
            if read.is_empty() {
                return Poll::Ready(Ok(ReadOutcome::Ended));
            }
            self.read_bytes = self.input.len() + read.len();
            if self.websocket.is_none() {
                self.input.extend_from_slice(read);
                return Poll::Ready(Ok(ReadOutcome::Data));
            }
            self.frames.extend_from_slice(read);
            Poll::Ready(Ok(self.feed_frames()))
        })
    }

    fn feed_frames(&mut self) -> ReadOutcome {
        let Some(decoder) = &mut self.websocket else {
            return ReadOutcome::Data;
        };
        let fed = decoder.feed(&mut self.frames, &mut self.input, &mut self.output);
        if self.frames.is_empty() {
            self.frames = BytesMut::new();
        }
        match fed {
            Fed::Open => ReadOutcome::Data,
            Fed::PeerClosed | Fed::Failed(_) => ReadOutcome::Ended,
        }
    }

    /// Gives memory back that holds nothing; before waiting.
    pub(super) fn release(&mut self) {
        if self.input.is_empty() && self.input.capacity() > 0 {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() && self.output.capacity() > 0 {
            self.output = BytesMut::new();
        }
    }

    /// Lets `encode` append MQTT bytes to be written.
    pub(super) fn put(&mut self, encode: impl FnOnce(&mut BytesMut)) {
        if self.websocket.is_none() {
            encode(&mut self.output);
        } else if self.output.is_empty() {
            self.output.clear();
            self.output.extend_from_slice(&[0; FRAME_HEADER_MAX]);
            encode(&mut self.output);
            if self.output.len() == FRAME_HEADER_MAX {
                self.output.clear();
                return;
            }
            let (header, len) = binary_frame_header(self.output.len() - FRAME_HEADER_MAX);
            let start = FRAME_HEADER_MAX - len;
            self.output[start..FRAME_HEADER_MAX].copy_from_slice(&header[..len]);
            self.output.advance(start);
        } else {
            let mut packets = BytesMut::new();
            encode(&mut packets);
            put_binary_frame(&packets, &mut self.output);
        }
    }

    /// Appends bytes as they are, such as an HTTP answer.
    pub(super) fn put_raw(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Appends a close frame where frames are spoken and none was sent yet.
    pub(super) fn put_close(&mut self, code: CloseCode) {
        if self
            .websocket
            .as_ref()
            .is_some_and(|decoder| !decoder.is_closed())
        {
            put_close_frame(code, &mut self.output);
        }
    }

    /// Whether bytes wait for the socket.
    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Writes until nothing is left.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.output.has_remaining() {
            match ready!(Pin::new(&mut self.io).poll_write(context, &self.output))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.output.advance(written),
            }
        }
        Pin::new(&mut self.io).poll_flush(context)
    }

    /// Writes what is there and closes the sending side.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write(context))?;
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    /// Reads and forgets; true at the end of the stream.
    pub(super) fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
            Poll::Ready(Ok(buffer.filled().is_empty()))
        })
    }
}
