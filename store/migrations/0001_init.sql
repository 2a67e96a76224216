-- The first schema. Every row carries its office: transaction numbers are unique per office only.
-- CHECK constraints carry the states of ../doc.go; dates are dates in the office's time zone.

CREATE TABLE office (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE CHECK (code <> ''),
    name       text NOT NULL,
    address    text NOT NULL,               -- the office's own From address
    created_at timestamptz NOT NULL DEFAULT now(),
    -- sending_stopped: why nothing is submitted until someone confirms ('' = sending).
    sending_stopped text NOT NULL DEFAULT '',
    notices_paused  boolean NOT NULL DEFAULT false,
    -- data_date: the newest date inside the last import; imported_at: when that was.
    data_date   date,
    imported_at timestamptz,
    -- shrunk_rows: the open rows of the last full export, when those were so few that nothing was
    -- closed; shrink_confirmed: someone said that the next one may close.
    shrunk_rows int NOT NULL DEFAULT 0,
    shrink_confirmed boolean NOT NULL DEFAULT false
);

CREATE TABLE patron (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id  bigint NOT NULL REFERENCES office,
    username   text NOT NULL CHECK (username <> ''),
    first_name text NOT NULL DEFAULT '',
    last_name  text NOT NULL DEFAULT '',
    email      text NOT NULL DEFAULT '',    -- the registered address, as written
    language   text NOT NULL DEFAULT '',    -- BCP 47; '' = the office's
    patron_status text NOT NULL DEFAULT '', -- faculty, graduate, …
    department text NOT NULL DEFAULT '',
    site       text NOT NULL DEFAULT '',
    account_ends date,
    alternate_email text NOT NULL DEFAULT '', -- where the patron is reached after that
    undeliverable_at timestamptz,           -- a permanent bounce came for email
    undeliverable_why text NOT NULL DEFAULT '',
    away_until date,                        -- read from an auto-reply
    asked_at   timestamptz,                 -- when the ILL system was last asked for their requests
    UNIQUE (office_id, username)
);
CREATE INDEX patron_email ON patron (office_id, lower(email));
CREATE INDEX patron_username ON patron (office_id, lower(username));
CREATE INDEX patron_name ON patron (office_id, lower(last_name));
CREATE INDEX patron_leaving ON patron (office_id, account_ends) WHERE account_ends IS NOT NULL;
CREATE INDEX patron_undeliverable ON patron (undeliverable_at DESC) WHERE undeliverable_at IS NOT NULL;

-- Other addresses of a patron, learned when staff confirmed a match.
CREATE TABLE patron_address (
    patron_id  bigint NOT NULL REFERENCES patron ON DELETE CASCADE,
    office_id  bigint NOT NULL REFERENCES office,
    address    text NOT NULL CHECK (address = lower(address)),
    learned_at timestamptz NOT NULL DEFAULT now(),
    learned_by text NOT NULL DEFAULT '',
    PRIMARY KEY (office_id, address, patron_id)
);

CREATE TABLE lender (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id bigint NOT NULL REFERENCES office,
    symbol    text NOT NULL DEFAULT '',
    name      text NOT NULL DEFAULT '',
    addresses text[] NOT NULL DEFAULT '{}',
    domains   text[] NOT NULL DEFAULT '{}',
    UNIQUE (office_id, symbol, name)
);

CREATE TABLE transaction (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id     bigint NOT NULL REFERENCES office,
    transaction_number bigint NOT NULL CHECK (transaction_number > 0),
    patron_id     bigint NOT NULL REFERENCES patron,
    ill_number    text NOT NULL DEFAULT '',
    rapid_number  text NOT NULL DEFAULT '',
    request_type  text NOT NULL DEFAULT 'Loan',
    process_type  text NOT NULL DEFAULT 'Borrowing',
    status        text NOT NULL DEFAULT '',  -- the ILL system's own words
    state         text NOT NULL DEFAULT 'unknown' CHECK (state IN ('open', 'sent', 'in_transit', 'on_shelf', 'on_loan',
                  'in_hands', 'returned', 'delivered', 'finished', 'cancelled_staff', 'cancelled_patron',
                  'claims_returned', 'lost', 'unknown')),
    title         text NOT NULL DEFAULT '',
    article_title text NOT NULL DEFAULT '',
    author        text NOT NULL DEFAULT '',
    issn_isbn     text NOT NULL DEFAULT '',
    doi           text NOT NULL DEFAULT '',
    due_date      date,
    creation_date date,
    status_date   date,
    received_date date,
    returned_date date,
    not_wanted_after text NOT NULL DEFAULT '',
    publication_year text NOT NULL DEFAULT '',
    renewals_allowed boolean NOT NULL DEFAULT false,
    lending_library  text NOT NULL DEFAULT '',
    pickup_location  text NOT NULL DEFAULT '',
    cancel_reason    text NOT NULL DEFAULT '',
    system_id        text NOT NULL DEFAULT '',
    last_overdue_notice_sent int NOT NULL DEFAULT 0, -- rungs told before illmail came
    delivery_url  text NOT NULL DEFAULT '',  -- where an electronic copy is read, and the password that it asks for
    delivery_password text NOT NULL DEFAULT '',
    print_only    boolean NOT NULL DEFAULT false, -- a licence line forbids electronic delivery
    closed_at     timestamptz,               -- vanished from a full export
    refreshed_at  timestamptz NOT NULL DEFAULT now(),
    search        tsvector GENERATED ALWAYS AS (to_tsvector('simple', title || ' ' || article_title || ' ' || author)) STORED,
    UNIQUE (office_id, transaction_number)
);
CREATE INDEX transaction_patron ON transaction (patron_id, transaction_number DESC);
CREATE INDEX transaction_ill_number ON transaction (office_id, ill_number) WHERE ill_number <> '';
CREATE INDEX transaction_rapid_number ON transaction (office_id, (ltrim(regexp_replace(rapid_number, '\D', '', 'g'), '0'))) WHERE rapid_number <> '';
CREATE INDEX transaction_doi ON transaction (office_id, lower(doi)) WHERE doi <> '';
CREATE INDEX transaction_issn_isbn ON transaction (office_id, (upper(regexp_replace(issn_isbn, '[^0-9Xx]', '', 'g')))) WHERE issn_isbn <> '';
CREATE INDEX transaction_search ON transaction USING gin (search);
CREATE INDEX transaction_open ON transaction (patron_id) WHERE closed_at IS NULL AND state NOT IN ('finished', 'cancelled_staff', 'cancelled_patron', 'delivered', 'returned');
CREATE INDEX transaction_received ON transaction (office_id) WHERE request_type = 'Article' AND received_date IS NOT NULL;
CREATE INDEX transaction_unknown ON transaction (office_id, status) WHERE state = 'unknown' AND closed_at IS NULL;
-- What a notice can still fall due for; the planner reads nothing else.
CREATE INDEX transaction_due ON transaction (office_id, due_date) WHERE state IN ('on_loan', 'in_hands') AND due_date IS NOT NULL;
CREATE INDEX transaction_moved ON transaction (office_id, state, status_date) WHERE state IN ('sent', 'in_transit', 'on_shelf', 'delivered', 'cancelled_staff');

-- The files of an office's source that were read, by the hash of their bytes.
CREATE TABLE source_file (
    office_id bigint NOT NULL REFERENCES office,
    name      text NOT NULL,
    sha256    bytea NOT NULL,
    read_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (office_id, name)
);

-- What goes back to the ILL system: once, and never lost.
CREATE TABLE writeback (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id      bigint NOT NULL REFERENCES office,
    transaction_id bigint NOT NULL REFERENCES transaction,
    kind           text NOT NULL CHECK (kind IN ('note', 'history', 'route')),
    payload        text NOT NULL CHECK (payload <> ''), -- the note, the entry, or the status to route to
    cause          text NOT NULL,             -- what it comes from: "outbox 12", "conversation 7"
    from_states    text[] NOT NULL DEFAULT '{}', -- of a route: the states from which the request may be moved; empty = any
    -- queued → sending → sent | queued | failed | uncertain; uncertain: the call was cut off, staff look.
    -- failed, uncertain → queued | sent | dropped, by staff.
    state          text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'uncertain', 'dropped')),
    reason         text NOT NULL DEFAULT '',
    doubt          boolean NOT NULL DEFAULT false, -- an earlier try may have had its effect
    attempts       int NOT NULL DEFAULT 0,
    next_at        timestamptz NOT NULL DEFAULT now(),
    claimed_until  timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    done_at        timestamptz,
    UNIQUE (office_id, transaction_id, kind, cause)
);
CREATE INDEX writeback_due ON writeback (office_id, next_at) WHERE state IN ('queued', 'sending');
CREATE INDEX writeback_stuck ON writeback (id DESC) WHERE state IN ('failed', 'uncertain');

-- Folders watched on an IMAP server, with their two marks (design: the way in).
CREATE TABLE folder (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id     bigint NOT NULL REFERENCES office,
    name          text NOT NULL,
    role          text NOT NULL DEFAULT 'inbox' CHECK (role IN ('inbox', 'sent', 'junk')),
    uid_validity  bigint NOT NULL DEFAULT 0,
    high_uid      bigint NOT NULL DEFAULT 0,  -- everything above is new
    backfill_uid  bigint NOT NULL DEFAULT 0,  -- history at and above is taken in; 1 = complete
    since         timestamptz,                -- what came before that day is not taken in
    base_uid      bigint NOT NULL DEFAULT 0,  -- high_uid when the numbering was first seen: gaps above are vanished mail
    UNIQUE (office_id, name)
);

CREATE TABLE conversation (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id  bigint NOT NULL REFERENCES office,
    subject    text NOT NULL DEFAULT '',
    patron_id  bigint REFERENCES patron,
    created_at timestamptz NOT NULL DEFAULT now(),
    merged_into bigint REFERENCES conversation,
    split_from  bigint REFERENCES conversation, -- staff took it apart: references never join the two again
    -- Whom staff wrote to, where the conversation began with a mail of ours; '' = someone wrote to us.
    to_kind    text NOT NULL DEFAULT '' CHECK (to_kind IN ('', 'patron', 'partner', 'vendor', 'colleague')),
    to_addr    text NOT NULL DEFAULT ''
);
CREATE INDEX conversation_patron ON conversation (patron_id);

CREATE TABLE message (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id    bigint NOT NULL REFERENCES office,
    -- stored: only commit 1; filed: commit 2; kept_aside: could not be filed, staff see it.
    state        text NOT NULL DEFAULT 'stored' CHECK (state IN ('stored', 'filed', 'kept_aside')),
    problem      text NOT NULL DEFAULT '',
    attempts     int NOT NULL DEFAULT 0,      -- to file it; counted before each is made
    tried_at     timestamptz,                 -- the last attempt: nobody else tries for a while
    direction    text NOT NULL DEFAULT 'in' CHECK (direction IN ('in', 'out')),
    conversation_id bigint REFERENCES conversation,
    outbox_id    bigint,                      -- our own copy joins its outbox row
    message_id   text NOT NULL DEFAULT '',    -- without angle brackets
    refs         text[] NOT NULL DEFAULT '{}',-- In-Reply-To and References, the nearest first
    raw_hash     bytea NOT NULL,              -- sha256 of the raw bytes
    content_hash bytea,
    size         bigint NOT NULL,             -- RFC822.SIZE as the server said, or bytes stored
    truncated    boolean NOT NULL DEFAULT false,
    internal_date timestamptz NOT NULL,
    stored_at    timestamptz NOT NULL DEFAULT now(),
    sent_at      timestamptz,                 -- the Date field
    from_name    text NOT NULL DEFAULT '',
    from_addr    text NOT NULL DEFAULT '',
    reply_to     text NOT NULL DEFAULT '',    -- only where it differs from From
    to_addrs     text[] NOT NULL DEFAULT '{}',
    cc_addrs     text[] NOT NULL DEFAULT '{}',
    subject      text NOT NULL DEFAULT '',
    body_text    text NOT NULL DEFAULT '',    -- the whole decoded text
    new_text     text NOT NULL DEFAULT '',    -- what the sender wrote this time
    kind         text NOT NULL DEFAULT '' CHECK (kind IN ('', 'patron', 'partner', 'system', 'vendor', 'auto_reply', 'bounce', 'bulk')),
    intents      jsonb NOT NULL DEFAULT '[]', -- [{"intent","p","reasons"}]
    identifiers  jsonb NOT NULL DEFAULT '[]',
    reasons      jsonb NOT NULL DEFAULT '[]', -- why this kind
    needs_staff  boolean NOT NULL DEFAULT true,
    sender_verified boolean NOT NULL DEFAULT false,
    handled_at   timestamptz,                 -- since when nobody waits for an answer to it: answered, or closed by staff
    rule         text NOT NULL DEFAULT '',    -- the routing rule that fitted it when it was filed, and what that did
    patron_id    bigint REFERENCES patron,
    attachments  jsonb NOT NULL DEFAULT '[]', -- [{"name","content_type","size","path"}]
    read_at      timestamptz,
    purged_at    timestamptz,                 -- text and raw bytes removed by the retention rules
    search       tsvector GENERATED ALWAYS AS (to_tsvector('simple', subject || ' ' || from_name || ' ' || from_addr || ' ' || left(new_text, 20000))) STORED
);
CREATE INDEX message_stored ON message (office_id, stored_at);
CREATE INDEX message_conversation ON message (conversation_id, internal_date);
CREATE INDEX message_message_id ON message (office_id, message_id) WHERE message_id <> '';
CREATE INDEX message_raw_hash ON message (office_id, raw_hash);
CREATE INDEX message_unfiled ON message (id) WHERE state = 'stored';
CREATE INDEX message_kept_aside ON message (id DESC) WHERE state = 'kept_aside';
CREATE INDEX message_from ON message (office_id, lower(from_addr));
CREATE INDEX message_search ON message USING gin (search);

-- The raw bytes of a message in pieces of at most 256 kB, so that memory stays bounded.
CREATE TABLE message_chunk (
    message_id bigint NOT NULL REFERENCES message ON DELETE CASCADE,
    n          int NOT NULL,
    data       bytea NOT NULL,
    PRIMARY KEY (message_id, n)
);
ALTER TABLE message_chunk ALTER COLUMN data SET STORAGE EXTERNAL;

-- Where a message was seen; several locations may hold one message.
CREATE TABLE location (
    folder_id    bigint NOT NULL REFERENCES folder,
    uid_validity bigint NOT NULL,
    uid          bigint NOT NULL,
    -- stored: message_id is set; unfetchable: the server could not give it, message_id is what staff see in its place; vanished: a gap in the UIDs; ignored: with reason.
    outcome      text NOT NULL DEFAULT 'stored' CHECK (outcome IN ('stored', 'vanished', 'unfetchable', 'ignored')),
    reason       text NOT NULL DEFAULT '',
    message_id   bigint REFERENCES message,
    internal_date timestamptz,
    size         bigint NOT NULL DEFAULT 0,   -- as the server said: a UID used again for another message is known by it
    seen_at      timestamptz NOT NULL DEFAULT now(),
    again        boolean NOT NULL DEFAULT false, -- unfetchable, and staff want it to be asked for once more
    PRIMARY KEY (folder_id, uid_validity, uid),
    CHECK ((outcome IN ('stored', 'unfetchable')) = (message_id IS NOT NULL))
);
CREATE INDEX location_message ON location (message_id);
CREATE INDEX location_again ON location (folder_id) WHERE again;

-- Every id ever seen in Message-ID, In-Reply-To or References leads to its conversation;
-- so do "bounce:…" (reports on one mail) and "about:…" (fresh mail of a patron on the same requests).
CREATE TABLE message_ref (
    office_id       bigint NOT NULL REFERENCES office,
    ref             text NOT NULL CHECK (ref <> ''),
    conversation_id bigint NOT NULL REFERENCES conversation,
    PRIMARY KEY (office_id, ref, conversation_id)
);

-- The requests about which staff wrote first: there is no message yet to be filed on them.
CREATE TABLE conversation_request (
    conversation_id bigint NOT NULL REFERENCES conversation,
    transaction_id  bigint NOT NULL REFERENCES transaction,
    PRIMARY KEY (conversation_id, transaction_id)
);
CREATE INDEX conversation_request_transaction ON conversation_request (transaction_id);

-- Which transactions a message concerns: many to many, with the evidence.
CREATE TABLE message_match (
    message_id     bigint NOT NULL REFERENCES message ON DELETE CASCADE,
    transaction_id bigint NOT NULL REFERENCES transaction,
    score          real NOT NULL CHECK (score BETWEEN 0 AND 1),
    decided        boolean NOT NULL,          -- filed there; false: only offered
    evidence       text[] NOT NULL DEFAULT '{}',
    decided_by     text NOT NULL DEFAULT '',  -- '' = by itself, else the staff member
    PRIMARY KEY (message_id, transaction_id)
);
CREATE INDEX message_match_transaction ON message_match (transaction_id) WHERE decided;

-- The requests on which a conversation is filed.
CREATE VIEW conversation_filed AS
    SELECT m.conversation_id, mm.transaction_id FROM message m JOIN message_match mm ON mm.message_id = m.id AND mm.decided
    WHERE m.conversation_id IS NOT NULL
    UNION SELECT conversation_id, transaction_id FROM conversation_request;

-- What the mail of a system says became of a request: staff accept it, or it is accepted by itself
-- where the office trusts the sender.
CREATE TABLE proposal (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id      bigint NOT NULL REFERENCES office,
    message_id     bigint NOT NULL REFERENCES message ON DELETE CASCADE,
    transaction_id bigint NOT NULL REFERENCES transaction,
    kind           text NOT NULL CHECK (kind IN ('filled', 'unfilled', 'conditional', 'shipped', 'recalled', 'file_ready', 'renewal_ok', 'renewal_denied')),
    lender         text NOT NULL DEFAULT '',
    reason         text NOT NULL DEFAULT '',
    due_date       date,
    url            text NOT NULL DEFAULT '',  -- never opened by us: views are counted
    password       text NOT NULL DEFAULT '',
    expires_on     date,
    state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'dismissed')),
    decided_by     text NOT NULL DEFAULT '',
    decided_at     timestamptz,
    UNIQUE (message_id, transaction_id, kind)
);
CREATE INDEX proposal_accepted ON proposal (office_id, decided_at) WHERE state = 'accepted';

CREATE TABLE staff (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username   text NOT NULL UNIQUE CHECK (username = lower(username) AND username <> ''),
    full_name  text NOT NULL DEFAULT '',
    email      text NOT NULL DEFAULT '',
    role       text NOT NULL CHECK (role IN ('student', 'staff', 'supervisor', 'admin')),
    password_hash text NOT NULL DEFAULT '',   -- argon2id, PHC string form
    pin_hash   text NOT NULL DEFAULT '',      -- the same of the PIN at shared desks; '' = none
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE session (
    token_hash bytea PRIMARY KEY,             -- sha256 of the cookie's value
    staff_id   bigint NOT NULL REFERENCES staff ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- Accounts of staff at the OpenID provider by which they sign in, by its own name for them.
CREATE TABLE staff_subject (
    issuer    text NOT NULL,
    subject   text NOT NULL CHECK (subject <> ''),
    staff_id  bigint NOT NULL REFERENCES staff ON DELETE CASCADE,
    linked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    UNIQUE (staff_id, issuer)
);

-- Sign-ins that have gone to the provider and not come back yet: each is used once.
CREATE TABLE staff_sign_in (
    state_hash   bytea PRIMARY KEY,           -- sha256 of what comes back in the address
    browser_hash bytea NOT NULL,              -- sha256 of the cookie of the browser that began it
    nonce        text NOT NULL,
    verifier     text NOT NULL,               -- of PKCE (RFC 7636)
    to_path      text NOT NULL,
    remote       text NOT NULL,
    begun_at     timestamptz NOT NULL
);
CREATE INDEX staff_sign_in_remote ON staff_sign_in (remote, begun_at);

-- Who signed in lately in one browser: a shared desk offers them.
CREATE TABLE desk_user (
    desk_hash bytea NOT NULL,                 -- sha256 of the cookie's value
    staff_id  bigint NOT NULL REFERENCES staff ON DELETE CASCADE,
    used_at   timestamptz NOT NULL,
    proved_at timestamptz,                    -- when they last proved who they are by more than a PIN; NULL: a PIN does not do
    pin_tries int NOT NULL DEFAULT 0,         -- wrong PINs since
    PRIMARY KEY (desk_hash, staff_id)
);

-- When someone of the staff is away, both days included, and who stands in for them.
CREATE TABLE absence (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id   bigint NOT NULL REFERENCES staff ON DELETE CASCADE,
    cover_id   bigint NOT NULL REFERENCES staff ON DELETE CASCADE,
    from_day   date NOT NULL,
    until_day  date NOT NULL CHECK (until_day >= from_day),
    entered_by text NOT NULL,
    entered_at timestamptz NOT NULL DEFAULT now(),
    CHECK (cover_id <> staff_id)
);
CREATE INDEX absence_staff ON absence (staff_id, until_day);

CREATE TABLE login_failure (
    username text NOT NULL,
    remote   text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_failure_at ON login_failure (username, at);

-- Queues that an office named itself.
CREATE TABLE office_queue (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id bigint NOT NULL REFERENCES office,
    name      text NOT NULL CHECK (name <> ''),
    UNIQUE (office_id, id)
);
CREATE UNIQUE INDEX office_queue_name ON office_queue (office_id, lower(name));

-- Where mail goes when it is filed: the first rule of its office that fits decides, by position.
-- An empty condition fits everything, but no kinds means no machine mail.
CREATE TABLE routing_rule (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id       bigint NOT NULL REFERENCES office,
    position        int NOT NULL,
    name            text NOT NULL CHECK (name <> ''),
    enabled         boolean NOT NULL DEFAULT true,
    intents         text[] NOT NULL DEFAULT '{}',
    kinds           text[] NOT NULL DEFAULT '{}',
    senders         text[] NOT NULL DEFAULT '{}', -- an address, or a domain with all that is below it; lower case
    patron_statuses text[] NOT NULL DEFAULT '{}',
    request_states  text[] NOT NULL DEFAULT '{}', -- 'none': the mail is filed on no request
    pickups         text[] NOT NULL DEFAULT '{}',
    queue_id        bigint,
    assignee_id     bigint REFERENCES staff,
    label           text NOT NULL DEFAULT '',
    version         int NOT NULL DEFAULT 1,       -- counts the changes: of two who edit it, one is told
    FOREIGN KEY (office_id, queue_id) REFERENCES office_queue (office_id, id),
    CHECK (queue_id IS NOT NULL OR assignee_id IS NOT NULL OR label <> '')
);
CREATE INDEX routing_rule_office ON routing_rule (office_id, position);

-- A filter and an order of the list that someone gave a name; shared: the whole office has it.
CREATE TABLE saved_view (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id bigint NOT NULL REFERENCES staff ON DELETE CASCADE,
    name     text NOT NULL CHECK (name <> ''),
    query    text NOT NULL,                       -- of the list's address
    shared   boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX saved_view_name ON saved_view (staff_id, lower(name));
CREATE INDEX saved_view_shared ON saved_view (id) WHERE shared;

-- One item a conversation: what waits for a person.
CREATE TABLE queue_item (
    conversation_id bigint PRIMARY KEY REFERENCES conversation,
    office_id     bigint NOT NULL REFERENCES office,
    state         text NOT NULL CHECK (state IN ('new', 'open', 'waiting_patron', 'waiting_partner', 'snoozed', 'done')),
    kind          text NOT NULL DEFAULT '',
    intent        text NOT NULL DEFAULT '',
    intent_p      real NOT NULL DEFAULT 0,
    intents       text[] NOT NULL DEFAULT '{}', -- all that the mail not yet answered may want: notices hold by them
    assigned_to   bigint REFERENCES staff,
    waiting_since timestamptz NOT NULL,       -- since when someone waits for our answer
    answer_by     date,                       -- a date the mail names: conditionals, recalls, "until Friday"
    snoozed_until timestamptz,
    label         text NOT NULL DEFAULT '',
    queue_id      bigint,                     -- of the office's own
    placed_by     text NOT NULL DEFAULT '',   -- who last gave, moved or labelled it by hand: no rule touches it any more
    note          text NOT NULL DEFAULT '',   -- why it stands here: "reach this patron another way"
    last_message_id bigint REFERENCES message,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (office_id, queue_id) REFERENCES office_queue (office_id, id)
);
CREATE INDEX queue_item_list ON queue_item (office_id, state, waiting_since, conversation_id);
-- The list on its page: what is live by the date named and by waiting, what is done by its last change.
CREATE INDEX queue_item_live ON queue_item ((coalesce(answer_by, 'infinity')), waiting_since, conversation_id) WHERE state <> 'done';
CREATE INDEX queue_item_changed ON queue_item (updated_at DESC, conversation_id DESC);
CREATE INDEX queue_item_waiting ON queue_item (waiting_since, conversation_id) WHERE state <> 'done';
CREATE INDEX queue_item_queue ON queue_item (queue_id, (coalesce(answer_by, 'infinity')), waiting_since, conversation_id) WHERE state <> 'done' AND queue_id IS NOT NULL;
CREATE INDEX queue_item_label ON queue_item (label) WHERE state <> 'done' AND label <> '';

-- How a conversation stood before staff closed, snoozed, re-filed, joined or split it: undone within half an hour.
CREATE TABLE undo (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id       bigint NOT NULL REFERENCES office,
    conversation_id bigint NOT NULL REFERENCES conversation,
    staff_id        bigint NOT NULL REFERENCES staff,
    what            text NOT NULL CHECK (what IN ('closed', 'snoozed', 'refiled', 'joined', 'split')),
    before          jsonb NOT NULL,
    at              timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX undo_conversation ON undo (conversation_id, id);

-- Internal notes of staff on a conversation.
CREATE TABLE note (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id bigint NOT NULL REFERENCES conversation,
    staff_id        bigint REFERENCES staff,
    body            text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- A reply that someone is writing: saved as one types, one a person and conversation.
CREATE TABLE draft (
    conversation_id bigint NOT NULL REFERENCES conversation,
    staff_id        bigint NOT NULL REFERENCES staff,
    recipient       text NOT NULL DEFAULT '', -- '' = to whom a reply goes
    cc              text NOT NULL DEFAULT '', -- as typed
    subject         text NOT NULL DEFAULT '',
    body            text NOT NULL DEFAULT '',
    template        text NOT NULL DEFAULT '',
    wants_approval  boolean NOT NULL DEFAULT false,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (conversation_id, staff_id)
);

-- Who has a conversation open; worth nothing after a crash.
CREATE UNLOGGED TABLE presence (
    conversation_id bigint NOT NULL REFERENCES conversation,
    staff_id        bigint NOT NULL REFERENCES staff ON DELETE CASCADE,
    seen_at         timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, staff_id)
);
CREATE INDEX presence_seen_at ON presence (seen_at);

-- Mail that goes out: the only door.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id    bigint NOT NULL REFERENCES office,
    state        text NOT NULL CHECK (state IN ('held', 'queued', 'sending', 'sent', 'failed', 'uncertain', 'cancelled')),
    kind         text NOT NULL CHECK (kind IN ('reply', 'overdue', 'due_soon', 'delay', 'cancellation', 'pickup', 'delivery', 'in_transit', 'recall', 'claim', 'leaving', 'unanswered')),
    rung         int NOT NULL DEFAULT 0,
    conversation_id bigint REFERENCES conversation,
    patron_id    bigint REFERENCES patron,
    staff_id     bigint REFERENCES staff,     -- who wrote it; NULL = the planner
    recipient    text NOT NULL CHECK (recipient <> ''),
    recipient_name text NOT NULL DEFAULT '',
    cc           text[] NOT NULL DEFAULT '{}',
    subject      text NOT NULL,
    body_text    text NOT NULL,
    body_html    text NOT NULL DEFAULT '',
    message_id   text NOT NULL UNIQUE,        -- without angle brackets, fixed here for ever
    ref          text NOT NULL DEFAULT '',    -- X-Illmail-Ref, signed
    in_reply_to  text NOT NULL DEFAULT '',
    refs         text[] NOT NULL DEFAULT '{}',-- References, oldest first
    template     text NOT NULL DEFAULT '',
    edited_from  text NOT NULL DEFAULT '',    -- the text in whose place staff wrote their own; '' = nobody did
    reason       text NOT NULL DEFAULT '',    -- why it is held, failed or cancelled
    decided_for  date,                        -- of a run for a named day: re-checked by that day, and sent even if today is closed
    created_at   timestamptz NOT NULL DEFAULT now(),
    not_before   timestamptz NOT NULL DEFAULT now(), -- undo time of replies; back-off after 4xx
    attempts     int NOT NULL DEFAULT 0,
    claimed_by   text NOT NULL DEFAULT '',
    claimed_until timestamptz,                -- the lease, by the database's clock
    dated_at     timestamptz,                 -- the Date field: when it was claimed
    sending_at   timestamptz,                 -- committed immediately before MAIL FROM
    sent_at      timestamptz,
    smtp_reply   text NOT NULL DEFAULT '',
    searched     int NOT NULL DEFAULT 0,      -- times Sent was searched in vain while uncertain
    searched_at  timestamptz,
    -- none: nothing owed; owed: append a copy to Sent; done: it is there.
    sent_copy    text NOT NULL DEFAULT 'none' CHECK (sent_copy IN ('none', 'owed', 'done')),
    bounced_at   timestamptz,
    bounce_status text NOT NULL DEFAULT '',
    alias_message_id text NOT NULL DEFAULT '',-- the id the provider put in its place
    rehearsed_to text NOT NULL DEFAULT '',    -- the address that got it in place of all recipients: it told nobody
    CHECK (state <> 'sent' OR sent_at IS NOT NULL),
    CHECK (state <> 'sending' OR sending_at IS NOT NULL)
);
CREATE INDEX outbox_due ON outbox (office_id, (kind <> 'reply'), not_before, id) WHERE state = 'queued';
CREATE INDEX outbox_notice ON outbox (office_id, state) WHERE kind <> 'reply';
CREATE INDEX outbox_unsettled ON outbox (state, sending_at) WHERE state IN ('sending', 'uncertain');
CREATE INDEX outbox_copy_owed ON outbox (office_id, id) WHERE sent_copy = 'owed' AND state = 'sent';
CREATE INDEX outbox_sent ON outbox (office_id, sent_at) WHERE state = 'sent';
CREATE INDEX outbox_conversation ON outbox (conversation_id);
CREATE INDEX outbox_patron ON outbox (patron_id, sent_at);
CREATE INDEX outbox_alias ON outbox (alias_message_id) WHERE alias_message_id <> '';
CREATE INDEX outbox_ref ON outbox (ref) WHERE ref <> '';
ALTER TABLE message ADD FOREIGN KEY (outbox_id) REFERENCES outbox;

-- Conversations that nobody took for too long, and the mail that says so: once in all the time
-- that somebody waits, which is known by when it began.
CREATE TABLE unanswered (
    conversation_id bigint NOT NULL REFERENCES conversation,
    waiting_since   timestamptz NOT NULL,
    outbox_id       bigint NOT NULL REFERENCES outbox,
    told_at         timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, waiting_since)
);
CREATE INDEX unanswered_outbox ON unanswered (outbox_id);

-- A file of a draft, or of a mail of ours, which is never changed.
CREATE TABLE attachment (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id       bigint NOT NULL REFERENCES office,
    conversation_id bigint,
    staff_id        bigint,
    outbox_id       bigint REFERENCES outbox,
    name            text NOT NULL,
    content_type    text NOT NULL DEFAULT '',
    size            bigint NOT NULL,
    data            bytea NOT NULL,
    FOREIGN KEY (conversation_id, staff_id) REFERENCES draft ON DELETE CASCADE,
    CHECK ((conversation_id IS NULL) = (staff_id IS NULL) AND (conversation_id IS NULL) <> (outbox_id IS NULL))
);
CREATE INDEX attachment_draft ON attachment (conversation_id, staff_id);
CREATE INDEX attachment_outbox ON attachment (outbox_id);
ALTER TABLE attachment ALTER COLUMN data SET STORAGE EXTERNAL;

-- One fact a row: this notice of this cycle fell due, and what became of it.
CREATE TABLE notice (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id      bigint NOT NULL REFERENCES office,
    transaction_id bigint NOT NULL REFERENCES transaction,
    kind           text NOT NULL CHECK (kind IN ('overdue', 'due_soon', 'delay', 'cancellation', 'pickup', 'delivery', 'in_transit', 'recall', 'claim', 'leaving')),
    rung           int NOT NULL CHECK (rung > 0),
    cycle          date NOT NULL,            -- the due date, the status date, or the day on which it began
    -- planned: in an outbox row; passed: a higher rung told it, or staff let it pass; told: before illmail came, or by hand;
    -- held, skipped: with reason; dropped: re-check under the claim took it out.
    state          text NOT NULL CHECK (state IN ('planned', 'passed', 'told', 'held', 'skipped', 'dropped')),
    reason         text NOT NULL DEFAULT '',
    days           int NOT NULL DEFAULT 0,   -- days overdue, or left, as told
    outbox_id      bigint REFERENCES outbox,
    planned_on     date NOT NULL,
    held_since     date,                     -- since when it is held without a break
    decided_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (office_id, transaction_id, kind, rung, cycle),
    CHECK (state <> 'planned' OR outbox_id IS NOT NULL)
);
CREATE INDEX notice_outbox ON notice (outbox_id);
CREATE INDEX notice_transaction ON notice (transaction_id, kind);
CREATE INDEX notice_held ON notice (office_id) WHERE state = 'held';

-- Staff keep notices of that kind about one request from going, until they release them or a later cycle begins.
CREATE TABLE notice_hold (
    office_id      bigint NOT NULL REFERENCES office,
    transaction_id bigint NOT NULL REFERENCES transaction,
    kind           text NOT NULL,
    cycle          date NOT NULL,
    reason         text NOT NULL CHECK (reason <> ''),
    staff          text NOT NULL,
    at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transaction_id, kind, cycle)
);

-- Days that staff closed, beside those of the configuration: snow, a burst pipe.
CREATE TABLE closed_day (
    office_id bigint NOT NULL REFERENCES office,
    day       date NOT NULL,
    reason    text NOT NULL,
    staff     text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (office_id, day)
);

-- What staff found where a patron said that an item was returned: until then its notices hold.
CREATE TABLE claim_outcome (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id      bigint NOT NULL REFERENCES office,
    transaction_id bigint NOT NULL REFERENCES transaction,
    outcome        text NOT NULL CHECK (outcome IN ('found', 'not_found', 'with_lender')),
    staff          text NOT NULL,
    at             timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX claim_outcome_transaction ON claim_outcome (transaction_id, at);
CREATE INDEX claim_outcome_at ON claim_outcome (office_id, at);

-- What staff did with a request that the ILL system must hear of; cycle: the due date that is to be
-- later, or the day of the request's last move. The same again is the same row.
CREATE TABLE request_action (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id       bigint NOT NULL REFERENCES office,
    transaction_id  bigint NOT NULL REFERENCES transaction,
    conversation_id bigint REFERENCES conversation,
    action          text NOT NULL CHECK (action IN ('renewal', 'cancel')),
    cycle           date NOT NULL,
    reason          text NOT NULL DEFAULT '',
    staff           text NOT NULL,
    at              timestamptz NOT NULL DEFAULT now(), -- of one that a letter tells: when that cannot be taken back any more
    outbox_id       bigint REFERENCES outbox,           -- the letter that tells of it
    UNIQUE (transaction_id, action, cycle)
);
CREATE INDEX request_action_at ON request_action (office_id, at);

-- A fire of a schedule is a row, by nominal local time: a repeated hour fires once.
CREATE TABLE schedule_fire (
    office_id bigint NOT NULL REFERENCES office,
    schedule  text NOT NULL,
    nominal   text NOT NULL,
    -- done; waiting: missed, needs approval; lapsed.
    state     text NOT NULL DEFAULT 'done' CHECK (state IN ('done', 'waiting', 'lapsed')),
    fired_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (office_id, schedule, nominal)
);

-- Leases of mailboxes and of sending: any number of daemons on one database.
CREATE TABLE lease (
    office_id bigint NOT NULL REFERENCES office,
    name      text NOT NULL,
    holder    text NOT NULL,
    until     timestamptz NOT NULL,
    PRIMARY KEY (office_id, name)
);

-- How each part is: shown on the pages and in /healthz.
CREATE TABLE health (
    office_id bigint NOT NULL REFERENCES office,
    part      text NOT NULL,                  -- imap:INBOX, smtp, sent, source, notices
    ok        boolean NOT NULL,
    detail    text NOT NULL DEFAULT '',
    since     timestamptz NOT NULL DEFAULT now(),
    checked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (office_id, part)
);

-- Every change of state: who or what, when, why.
CREATE TABLE event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id  bigint NOT NULL REFERENCES office,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text NOT NULL,                 -- staff username, or the part: intake, planner, dispatcher
    subject    text NOT NULL CHECK (subject IN ('conversation', 'message', 'outbox', 'transaction', 'patron', 'office', 'template', 'staff')),
    subject_id bigint NOT NULL,
    what       text NOT NULL,                 -- 'open → done', 'matched', …
    why        text NOT NULL DEFAULT ''
);
CREATE INDEX event_subject ON event (subject, subject_id, id);
CREATE INDEX event_print_only ON event (office_id, at) WHERE subject = 'transaction' AND what = 'print only: no electronic delivery';

-- An office's own words for a letter. In force is what was approved last; the
-- embedded set stands where nothing was.
CREATE TABLE template_version (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office_id bigint NOT NULL REFERENCES office,
    name      text NOT NULL,
    language  text NOT NULL DEFAULT 'en',
    source    text NOT NULL,
    author    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    state     text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved')),
    approved_by text NOT NULL DEFAULT '',
    approved_at timestamptz,
    CHECK ((state = 'approved') = (approved_at IS NOT NULL AND approved_by <> ''))
);
CREATE INDEX template_version_name ON template_version (office_id, name, language, id DESC);

-- The languages besides English in which letters go out, and who approved them.
CREATE TABLE template_language (
    office_id   bigint NOT NULL REFERENCES office,
    language    text NOT NULL,
    approved_by text NOT NULL,
    approved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (office_id, language)
);

-- What staff corrected or confirmed: the classifier learns from it.
CREATE TABLE correction (
    message_id bigint PRIMARY KEY REFERENCES message ON DELETE CASCADE,
    office_id  bigint NOT NULL REFERENCES office,
    kind       text NOT NULL,
    intent     text NOT NULL,
    was_kind   text NOT NULL DEFAULT '',
    was_intent text NOT NULL DEFAULT '',
    staff_id   bigint REFERENCES staff,
    at         timestamptz NOT NULL DEFAULT now()
);

-- The sign-in by device code with which an office's mailbox is entered. The
-- refresh token is encrypted under a key that is not in the database.
CREATE TABLE sign_in (
    office_id bigint PRIMARY KEY REFERENCES office,
    token     bytea NOT NULL,
    ends_at   timestamptz,                    -- as the provider said; NULL: it did not say
    used_at   timestamptz NOT NULL            -- when it last brought an access token
);

-- Secrets of this installation that must survive a restart (the key that signs X-Illmail-Ref).
CREATE TABLE secret (
    name  text PRIMARY KEY,
    value bytea NOT NULL
);
