-- The whole path: agencies, people, events, participants, cases, chat, locations, outbox, dead letters, audit.
--
-- Rules: forward only; old code must run against the new schema (expand, then contract); every table that belongs to
-- an agency reaches it by one join over events; ids are UUIDv7, made by the program.

CREATE TABLE agencies (
    id          uuid PRIMARY KEY,
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 120),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE people (
    id             uuid PRIMARY KEY,
    -- Lower case; the API folds it.
    email          text NOT NULL UNIQUE CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 254),
    name           text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 120),
    -- argon2id, PHC string.
    password_hash  text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE members (
    agency_id   uuid NOT NULL REFERENCES agencies ON DELETE CASCADE,
    person_id   uuid NOT NULL REFERENCES people ON DELETE CASCADE,
    role        text NOT NULL CHECK (role IN ('organizer', 'operator', 'steward')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agency_id, person_id)
);
CREATE INDEX members_by_person ON members (person_id);

CREATE TABLE events (
    id                uuid PRIMARY KEY,
    agency_id         uuid NOT NULL REFERENCES agencies,
    name              text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 120),
    venue             text NOT NULL DEFAULT '' CHECK (char_length(venue) <= 120),
    lat               double precision CHECK (lat BETWEEN -90 AND 90),
    lon               double precision CHECK (lon BETWEEN -180 AND 180),
    starts_at         timestamptz NOT NULL,
    ends_at           timestamptz NOT NULL,
    -- Upper case letters, digits and '-': what a person can read out over a radio.
    join_code         text NOT NULL UNIQUE CHECK (join_code ~ '^[A-Z0-9]([A-Z0-9-]{2,22})[A-Z0-9]$'),
    emergency_number  text NOT NULL DEFAULT '112' CHECK (emergency_number ~ '^[0-9+* #-]{2,20}$'),
    status            text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'ended')),
    created_at        timestamptz NOT NULL DEFAULT now(),
    -- How many have ever left the help line; it never goes back.
    line_gone         bigint NOT NULL DEFAULT 0,
    CHECK (ends_at > starts_at),
    CHECK ((lat IS NULL) = (lon IS NULL))
);
CREATE INDEX events_by_agency ON events (agency_id, id);

CREATE TABLE participants (
    event_id    uuid NOT NULL REFERENCES events,
    -- The client id: the token's `sub`.
    client      text NOT NULL CHECK (char_length(client) BETWEEN 1 AND 64),
    name        text CHECK (char_length(name) BETWEEN 1 AND 120),
    joined_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, client)
);

CREATE TABLE cases (
    id              uuid PRIMARY KEY,
    event_id        uuid NOT NULL REFERENCES events,
    client          text NOT NULL,
    -- The message that opened it: a repeat opens nothing.
    help_id         uuid NOT NULL,
    state           text NOT NULL CHECK (state IN ('queued', 'claimed', 'closed')),
    revision        bigint NOT NULL DEFAULT 1,
    priority        text NOT NULL CHECK (priority IN ('life', 'urgent', 'service')),
    -- The priority as the line sorts it: most pressing first.
    rank            smallint NOT NULL GENERATED ALWAYS AS
                    (CASE priority WHEN 'life' THEN 0 WHEN 'urgent' THEN 1 ELSE 2 END) STORED,
    text            text NOT NULL DEFAULT '',
    seat            text,
    operator        text,
    operator_name   text,
    opened_at       timestamptz NOT NULL,
    claimed_at      timestamptz,
    closed_at       timestamptz,
    reason          text,
    -- The place last told to the participant, to know when it must be told again.
    told_ahead      integer,
    told_gone       bigint,
    UNIQUE (event_id, help_id),
    CHECK ((state = 'claimed') <= (operator IS NOT NULL)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
-- One open case per participant: the database decides races.
CREATE UNIQUE INDEX cases_one_open ON cases (event_id, client) WHERE state <> 'closed';
CREATE INDEX cases_line ON cases (event_id, rank, opened_at, id) WHERE state = 'queued';
-- Who is being answered, and how fast the line has moved lately.
CREATE INDEX cases_claimed ON cases (event_id) WHERE state = 'claimed';
CREATE INDEX cases_by_claim ON cases (event_id, claimed_at DESC) WHERE claimed_at IS NOT NULL;
CREATE INDEX cases_by_event ON cases (event_id, id);

-- Calls for help and commands that have been applied: a repeat of one changes nothing and gets the same answer.
CREATE TABLE applied_messages (
    event_id    uuid NOT NULL REFERENCES events,
    sender      text NOT NULL,
    id          uuid NOT NULL,
    -- The answer to a command, as it was published; NULL for a call for help, which is answered by the case.
    answer      bytea,
    applied_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, sender, id)
);
-- Old ones are removed by age.
CREATE INDEX applied_by_age ON applied_messages (applied_at);

CREATE TABLE chat_messages (
    -- The order in which the broker accepted them, as the bridge read it; the cursor of the history.
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    event_id     uuid NOT NULL,
    id           uuid NOT NULL,
    client       text NOT NULL,
    sender       text NOT NULL,
    text         text NOT NULL,
    reply_to     uuid,
    -- The broker's clock, and the author's beside it.
    received_at  timestamptz NOT NULL,
    sent_at      timestamptz NOT NULL,
    PRIMARY KEY (event_id, id)
);
CREATE UNIQUE INDEX chat_history ON chat_messages (event_id, client, seq);
CREATE INDEX chat_by_event ON chat_messages (event_id, seq);

CREATE TABLE locations (
    event_id     uuid NOT NULL,
    client       text NOT NULL,
    grp          text NOT NULL,
    at           timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    lat          double precision NOT NULL,
    lon          double precision NOT NULL,
    acc_m        real,
    alt_m        real,
    vel_kmh      real,
    cog_deg      real,
    batt_pct     real,
    PRIMARY KEY (event_id, client, at)
);

-- The newest position of each client; a late batch never moves it backwards.
CREATE TABLE locations_now (
    event_id     uuid NOT NULL,
    client       text NOT NULL,
    grp          text NOT NULL,
    at           timestamptz NOT NULL,
    lat          double precision NOT NULL,
    lon          double precision NOT NULL,
    acc_m        real,
    PRIMARY KEY (event_id, client)
);

-- What must be published once the transaction that wrote it has committed, in the order of `id`.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text NOT NULL,
    payload     bytea NOT NULL,
    qos         smallint NOT NULL DEFAULT 1 CHECK (qos IN (0, 1)),
    retain      boolean NOT NULL DEFAULT false,
    -- MQTT message expiry interval, seconds.
    expiry_s    integer CHECK (expiry_s > 0),
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- Messages that can never be stored, with the reason, so that the rest goes on.
CREATE TABLE dead_letters (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic        text NOT NULL,
    payload      bytea NOT NULL,
    reason       text NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    agency_id   uuid,
    -- Who: a person's id, a client id, or a part of Muster.
    actor       text NOT NULL,
    -- What, as `noun.verb`: `event.published`.
    action      text NOT NULL,
    target      text NOT NULL,
    detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_by_agency ON audit (agency_id, id);

-- Audit rows are only ever added.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit rows are never changed or removed';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
