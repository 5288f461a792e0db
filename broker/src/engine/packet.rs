//! Packets of a connected client, one at a time.

use super::{ConnectionKey, Effects, Engine, Reply, Time};
use crate::codec::{Ack, Packet, Publish};
use crate::log::Record;
use crate::reason::ReasonCode;
use crate::router::SessionKey;
use crate::session::Acked;

impl Engine {
    /// Takes a packet of a connected client. A PUBLISH was admitted by the plugins and has its topic, `read_bytes` is
    /// the length of the buffer that holds it.
    ///
    /// # Errors
    /// The reason to end the connection with. CONNECT, AUTH and DISCONNECT are the connection's own and are a
    /// protocol error here, as are packets that only a server sends.
    pub fn packet(
        &mut self,
        connection: ConnectionKey,
        packet: Packet,
        read_bytes: usize,
        now: Time,
        effects: &mut Effects,
    ) -> Result<(), ReasonCode> {
        let key = self.living(connection)?;
        match packet {
            Packet::Publish(publish) => self.publish(key, publish, read_bytes, now, effects),
            Packet::Puback(ack) => {
                self.puback(key, &ack);
                Ok(())
            }
            Packet::Pubrec(ack) => {
                self.pubrec(key, &ack);
                Ok(())
            }
            Packet::Pubrel(ack) => {
                self.pubrel(key, &ack);
                Ok(())
            }
            Packet::Pubcomp(ack) => {
                self.pubcomp(key, &ack);
                Ok(())
            }
            Packet::Subscribe(subscribe) => self.subscribe(key, subscribe, now, effects),
            Packet::Unsubscribe(unsubscribe) => {
                self.unsubscribe(key, unsubscribe, effects);
                Ok(())
            }
            Packet::Pingreq => {
                self.reply(key, 0, Reply::Pingresp);
                Ok(())
            }
            _ => Err(ReasonCode::ProtocolError),
        }
    }

    /// Answers a publish that the plugins refused.
    ///
    /// # Errors
    /// As [`Self::packet`].
    pub fn refused(
        &mut self,
        connection: ConnectionKey,
        publish: Publish,
        reason: ReasonCode,
        effects: &mut Effects,
    ) -> Result<(), ReasonCode> {
        let key = self.living(connection)?;
        self.refuse(key, publish, reason, effects)
    }

    fn puback(&mut self, key: SessionKey, ack: &Ack) {
        // An unknown identifier is ignored: it may belong to a delivery that a clean start forgot.
        if let Acked::Done = self.session(key).inflight.puback(ack.packet_id) {
            let session = self.session(key).id;
            self.log.append(Record::Finished {
                session,
                packet_id: ack.packet_id,
            });
        }
    }

    fn pubrec(&mut self, key: SessionKey, ack: &Ack) {
        let id = ack.packet_id;
        let session = self.session(key);
        let session_id = session.id;
        match session.inflight.pubrec(id, ack.reason.is_error()) {
            Acked::Done => {
                self.log.append(Record::Finished {
                    session: session_id,
                    packet_id: id,
                });
            }
            Acked::Release => {
                let position = self.log.append(Record::Released {
                    session: session_id,
                    packet_id: id,
                });
                self.reply(key, position, Reply::Pubrel(id, ReasonCode::Success));
            }
            Acked::Unknown if ack.reason.is_error() => {}
            Acked::Unknown => self.reply(key, 0, Reply::Pubrel(id, ReasonCode::PacketIdentifierNotFound)),
        }
    }

    fn pubrel(&mut self, key: SessionKey, ack: &Ack) {
        let id = ack.packet_id;
        let session = self.session(key);
        let session_id = session.id;
        match session.incoming.release(id) {
            true => {
                let record = Record::Received {
                    session: session_id,
                    packet_id: id,
                    held: false,
                };
                let position = self.log.append(record);
                self.reply(key, position, Reply::Pubcomp(id, ReasonCode::Success));
            }
            // Released before, and the PUBCOMP got lost: it is answered again.
            false => self.reply(key, 0, Reply::Pubcomp(id, ReasonCode::PacketIdentifierNotFound)),
        }
    }

    fn pubcomp(&mut self, key: SessionKey, ack: &Ack) {
        if let Acked::Done = self.session(key).inflight.pubcomp(ack.packet_id) {
            let session = self.session(key).id;
            self.log.append(Record::Finished {
                session,
                packet_id: ack.packet_id,
            });
        }
    }
}
