-- The order of decisions, as an MTA that nobody here wrote asks for them.

local failed = 0

local function is(have, want, what)
	if have ~= want then
		mt.echo("FAILED: " .. what)
		failed = failed + 1
	end
end

local function open(negotiate)
	local conn = mt.connect(SOCKET, 40, 0.05)
	if conn == nil then
		error("mt.connect() failed")
	end

	-- version, steps, actions (the manual has the last two the other way
	-- round): it can decline no step, so that each is sent
	negotiate = negotiate or { 6, 0x100000, 0x1ff }
	if mt.negotiate(conn, negotiate[1], negotiate[2], negotiate[3])
		~= nil then
		error("mt.negotiate() failed")
	end

	return conn
end

local function mail(conn, from, macros)
	for name, value in pairs(macros or {}) do
		mt.macro(conn, SMFIC_MAIL, name, value)
	end

	if mt.mailfrom(conn, from) ~= nil then
		error("mt.mailfrom() failed")
	end

	return mt.getreply(conn)
end

-- a refused sender
local conn = open()
mt.conninfo(conn, "client.example", "192.0.2.1")
mt.helo(conn, "client.example")
is(mail(conn, "<x@mail.black.example>"), SMFIR_REPLYCODE,
	"a blacklisted sender is refused")

-- the same session goes on
is(mail(conn, "<x@white.example>"), SMFIR_CONTINUE,
	"a whitelisted sender is taken")
mt.rcptto(conn, "<user@demo.example>")
mt.header(conn, "Subject", "test")
for i = 1, 4 do
	mt.header(conn, "X-Spam", "No")
	mt.header(conn, "X-Spam-Flag", "NO")
end
mt.eoh(conn)
mt.bodystring(conn, "Hello.\r\n")
mt.eom(conn)
is(mt.getreply(conn), SMFIR_CONTINUE, "its message is taken")
is(mt.eom_check(conn, MT_HDRDELETE, "X-Spam"), true,
	"X-Spam of a stranger is removed")
is(mt.eom_check(conn, MT_HDRDELETE, "X-Spam-Flag"), true,
	"and X-Spam-Flag")
is(mt.eom_check(conn, MT_HDRDELETE, "Subject"), false,
	"but nothing else")
mt.disconnect(conn)

-- who is trusted is accepted at once
for name, value in pairs({ ["{auth_authen}"] = "alice@demo.example",
		["{daemon_name}"] = "ORIGINATING" }) do
	conn = open()
	mt.conninfo(conn, "client.example", "192.0.2.1")
	mt.helo(conn, "client.example")
	is(mail(conn, "<x@black.example>", { [name] = value }), SMFIR_ACCEPT,
		name .. " is trusted")
	mt.disconnect(conn)
end

-- the macro counts, not the argument
conn = open()
mt.conninfo(conn, "client.example", "192.0.2.1")
mt.helo(conn, "client.example")
is(mail(conn, "<black.example!x>", { ["{mail_addr}"] = "x@black.example" }),
	SMFIR_REPLYCODE, "a bang path is refused by its macro")
mt.disconnect(conn)

conn = open()
mt.conninfo(conn, "client.example", "192.0.2.1")
is(mail(conn, "<black.example!x>"), SMFIR_REPLYCODE,
	"and without it")
is(mail(conn, "<>"), SMFIR_CONTINUE, "the null sender is not")
mt.disconnect(conn)

-- nothing before it, an address of IPv6, a client without one
conn = open()
is(mail(conn, "<x@black.example>"), SMFIR_REPLYCODE,
	"MAIL may be the first that comes")
mt.disconnect(conn)

conn = open()
mt.conninfo(conn, "client.example", "2001:db8::1")
is(mail(conn, "<x@black.example>"), SMFIR_REPLYCODE, "IPv6 is judged too")
mt.disconnect(conn)

conn = open()
mt.conninfo(conn, "localhost", "unspec")
is(mail(conn, "<x@black.example>"), SMFIR_REPLYCODE,
	"and so is a client without an address")
mt.disconnect(conn)

-- an MTA of old
conn = open({ 2, 0x40, 0x1f })
mt.conninfo(conn, "client.example", "192.0.2.1")
mt.helo(conn, "client.example")
is(mail(conn, "<x@black.example>"), SMFIR_REPLYCODE,
	"version 2 of the protocol is spoken")
mt.disconnect(conn)

if failed > 0 then
	error(failed .. " failed")
end
