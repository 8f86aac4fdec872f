#!/usr/bin/perl

# The system mailer: each way to reach a server, what is tried again and what is
# not, and that a mail is neither lost nor sent twice whatever is killed.

use warnings;
use strict;

use lib 't/lib';

use MIME::Base64 qw/ decode_base64 /;
use POSIX ();
use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Sink;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $node = $t->env('MP_NODE');
my $mails = $t->dir() . '/mails';
my ($keys, $names, $sink) = (0, 0);
my $port = $t->base() + 10; # of those that no server of the stack has


# A certificate that signs itself, for a host: (file, key).

sub certificate {
	my ($host) = @_;
	my ($cert, $key) = map { $t->dir() . "/$_-" . ++$names . '.pem' }
		qw/ cert key /;
	my ($rc, $out) = $t->program('openssl', 'req', '-x509', '-newkey', 'ec',
		'-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', 2,
		'-subj', '/CN=sink', '-addext', "subjectAltName=$host",
		'-keyout', $key, '-out', $cert, '-batch');

	die "openssl: $out\n" if $rc;
	return ($cert, $key);
}


# One server after the other, on one port and with one file of messages.

sub serve {
	my (%opt) = @_;

	$sink->stop() if $sink;
	$sink = Test::Mailportal::Sink->new($mails, %opt, port => $port);
	return;
}


sub settings {
	my (%change) = @_;
	my $head = $t->api(GET => '/settings', role => 'MasterAdmin');

	return $t->api(PATCH => '/settings', role => 'MasterAdmin',
		headers => { 'If-Match' => $head->{headers}{etag} },
		json => { system_mailer => \%change });
}


sub post {
	my ($to) = @_;

	return $t->api(POST => '/jobs', role => 'MasterAdmin',
		headers => { 'Idempotency-Key' => 'k' . ++$keys },
		json => { action => 'mailer-test', target => $to });
}


# A recipient that had no mail before, and the job of one to it.

sub somebody { return 'ann' . ++$names . '@example.org'; }

sub start {
	my ($to) = @_;
	my $res = post($to);

	return $res->{json}{id} // die "jobs: $res->{body}\n";
}

sub get {
	my ($id) = @_;
	return $t->api(GET => "/jobs/$id", role => 'MasterAdmin')->{json};
}

sub to_end {
	my ($id) = @_;
	my $job;

	$t->wait_for(sub { $job = get($id);
		$job->{state} =~ /^(done|failed|cancelled)/ }, 60,
		"the end of job $id");
	return $job;
}

# until an attempt has failed; how, if it says so
sub waiting {
	my ($id, $why) = @_;
	my $job;

	$t->wait_for(sub { $job = get($id); $job->{next_at}
		&& text_of($job) =~ ($why // qr/./) }, 40,
		"job $id to wait" . ($why ? " for $why" : ''));
	return $job;
}

sub job { return to_end(start($_[0])); }

sub steps {
	return join '; ', map { "$_->{target}: $_->{text}" }
		@{ $_[0]{result}{items} };
}

sub text_of { return $_[0]{nodes}{$node}{text} // ''; }

sub came {
	my ($to) = @_;
	return grep { $_->{to}[0] eq $to } $sink->messages();
}


# As if the first attempt had been some seconds ago; the agent must be down.

sub age {
	my ($id, $seconds) = @_;
	my $key = "mp:{jobs}:p:$id";
	my $text = $t->redis(HGET => $key, "n:$node");
	my $at = POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time() - $seconds);

	$text =~ s/"started_at":"[^"]*"/"started_at":"$at"/ or die $text;
	$t->redis(HSET => $key, "n:$node", $text);
	return;
}

sub kill_agent {
	kill 'KILL', $t->pid('agent');
	$t->stop('agent');
	return;
}


# What is no address, and what would be more than one line.

sub nothing_is_injected {
	my $before = $t->api(GET => '/settings', role => 'MasterAdmin');
	my @lines = map { ("x$_", "${_}x", "x${_}Bcc: evil\@example.net") }
		"\r\n", "\n", "\r", "\0";
	my %bad = (
		from => ['', 'nobody', 'a b@c.example', 'a@b.example, c@d.example',
			'<a@b.example>', 'Ann <a@b.example>', '"a@b"@c.example',
			'a@b.example (x)', '=?utf-8?Q?a=0D=0A?=',
			map { ("a\@b.example$_", "$_\@b.example") } @lines,
			"\x{2028}"],
		host => ['', 'a b', 'mx.example/..', 'mx.example:25 x', 'unix:/x',
			'a@mx.example', 'mx.example?x', 'mx.example#x', '[::1',
			map { "mx.example$_" } @lines, "\x{2028}"],
		tls => ['', 'maybe', 'STARTTLS', map { "none$_" } @lines],
		username => [map { "portal$_" } @lines],
		password => [map { "right$_" } @lines],
		port => [0, 65536, "25\r\nRCPT TO:<x\@y.example>", '25'],
		name => ["mailportal\r\nBcc: evil\@example.net"],
	);

	for my $field (sort keys %bad) {
		my @taken = grep { my $res = settings($field => $_);
			!($res->{status} == 422
			&& $res->{json}{errors}[0]{field}
				eq "system_mailer.$field")
			# a text with a NUL is no text at all
			&& !($res->{status} == 400 && /\0/);
		} @{ $bad{$field} };
		is(join(' | ', map { s/([^ -~])/sprintf '\\x%x', ord $1/ger }
			@taken), '', "V13: $field: what would be more than that "
			. 'is refused by its name');
	}

	for my $to ('nobody', 'example.org', 'a@b.example,c@d.example', '', ' ',
		'a@b.example>', 'a@b.example c@d.example', '"a b"@c.example',
		map { ("a\@b.example$_", "${_}a\@b.example") } "\r\nBcc: x\@y.test",
		"\n", "\r", "\x{2028}")
	{
		my $res = post($to);
		is("$res->{status} " . ($res->{json}{errors}[0]{field} // ''),
			'422 target', 'V13: the recipient: refused by its name');
	}

	is($t->api(GET => '/settings', role => 'MasterAdmin')->{headers}{etag},
		$before->{headers}{etag}, 'and nothing is changed');
	return;
}


sub is_sent {
	my $to = somebody();
	my $job = job($to);
	my ($mail, @more) = came($to);

	is($job->{state}, 'done', 'a test mail is sent');
	like(steps($job), qr/^resolve: .*; connect: .*; TLS: .* not encrypted; /,
		'in steps');
	like(steps($job), qr/; send: the server has taken the message$/,
		'to the last');
	is($job->{next_at}, undef, 'and no more is to come');
	is_deeply([$mail->{from}, $mail->{to}, scalar @more],
		['portal@mx.example', [$to], 0], 'once, for one recipient');
	like($mail->{data}, qr/^Message-ID: <$job->{id}\@mx\.example>\r$/m,
		'its Message-ID is that of the job');
	my ($body) = $mail->{data} =~ /\r\n\r\n(.*)/s;
	like(decode_base64($body), qr/test of the system mailer/,
		'its text is ours');
	is(scalar(() = $mail->{data} =~ /^(?:To|Cc|Bcc|From):/gmi), 2,
		'it has one sender and one recipient');
	is($mail->{user}, undef, 'nobody has signed in');
	return;
}


# TLS that must be right, with and without.  The agent trusts one certificate,
# as if that were in the system's store.

sub ways_of_tls {
	if (system('unshare -m true 2> /dev/null') != 0 && !$ENV{CI}) {
		diag('without a mount namespace no certificate is trusted');
		return;
	}
	my @good = certificate('IP:127.0.0.1');
	my @other = certificate('DNS:other.example,IP:127.0.0.2');
	my @stranger = certificate('IP:127.0.0.1');
	my $store = $t->write_file('store.pem',
		join '', map { $t->read_file($_) } $good[0], $other[0]);

	$t->stop('agent');
	is(system('unshare', '-m', 'sh', '-c', 'mount --bind "$1"'
		. ' /etc/ssl/certs/ca-certificates.crt &&'
		. " exec $Test::Mailportal::ROOT/auto/stack start --dir \"\$2\""
		. ' agent >/dev/null 2>&1', 'sh', $store, $t->dir()), 0,
		'an agent that trusts two certificates');

	for my $tls ('starttls', 'tls') {
		my $smtps = $tls eq 'tls';

		serve(tls => \@good, smtps => $smtps,
			auth => { portal => 'right' });
		settings(tls => $tls, username => 'portal', password => 'right');
		my $to = somebody();
		my $job = job($to);
		is($job->{state}, 'done', "$tls, with a login") or diag(text_of($job));
		like(steps($job), qr/TLS: the connection is encrypted, the /,
			'in steps');
		like(steps($job), qr/ is right; sign in: name and password are /,
			'with both');
		is_deeply([map { "$_->{tls} $_->{user}" } came($to)], ['1 portal'],
			'it comes so');

		settings(password => 'wrong');
		$to = somebody();
		$job = job($to);
		is($job->{state}, 'failed', 'a wrong password fails at once');
		like(text_of($job), qr/^sign in: authentication failed/, 'in words');
		like(steps($job), qr/connect: .*; TLS: .*is right$/,
			'behind the steps that went well');
		unlike(json()->encode($job), qr/SECRET-OF-THE-PEER|wrong"/,
			'V12: without the password and the words of the peer');

		for ([\@stranger, 'of nobody who is known'],
			[\@other, 'of another name'])
		{
			serve(tls => $_->[0], smtps => $smtps,
				auth => { portal => 'right' });
			$job = job($to);
			is($job->{state}, 'failed', "a certificate $_->[1] fails");
			like(text_of($job), qr/^TLS: the certificate is not/,
				'in words');
		}

		serve(auth => { portal => 'right' });
		$job = job($to);
		is($job->{state}, 'failed', "no $tls there: no mail");
		like(text_of($job), qr/^TLS: the server does not/, 'in words');
		is(scalar came($to), 0, 'none of them has had it');
	}

	settings(tls => 'none', username => undef, password => undef);
	$t->restart('agent');
	return;
}


sub what_is_for_good {
	my %for_good = (
		'a greeting' => [{ greeting => '554 SECRET' },
			qr/^greeting: .*takes us \(554\)/],
		'a sender' => [{ reply => { mail => '550 SECRET' } },
			qr/^send: the server refuses the message \(550\)/],
		'a recipient' => [{ rcpt => '550 5.1.1 SECRET' },
			qr/^send: the server refuses the message \(550\)/],
		'a message' => [{ data => '554 5.7.1 SECRET' },
			qr/^send: the server refuses the message \(554\)/],
	);

	for my $what (sort keys %for_good) {
		my ($how, $words) = @{ $for_good{$what} };

		serve(%$how);
		my $job = job(somebody());
		is($job->{state}, 'failed', "$what that is refused fails at once");
		like(text_of($job), $words, 'with the number');
		unlike(json()->encode($job), qr/SECRET/, 'and not the words');
	}
	return;
}


sub what_is_for_now {
	my @for_now = (
		['a greeting', { greeting => '421 SECRET' },
			qr/^greeting: the server puts off us \(421\)/],
		['a sender', { reply => { mail => '451 SECRET' } },
			qr/^send: the server puts off the message \(451\)/],
		['a recipient', { rcpt => '450 4.7.1 SECRET' },
			qr/^send: the server puts off the message \(450\)/],
		['a message', { data => '451 4.7.1 SECRET' },
			qr/^send: the server puts off the message \(451\)/],
	);
	my $to = somebody();

	serve(%{ $for_now[0][1] });
	my $id = start($to);

	for (@for_now) {
		my ($what, $how, $words) = @$_;

		serve(%$how);
		my $job = waiting($id, $words);
		is($job->{state}, 'running', "$what that is put off is tried again");
		like(text_of($job), $words, 'why is said');
		like($job->{next_at}, qr/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/, 'and when');
		unlike(json()->encode($job), qr/SECRET/, 'not in its words');
	}

	serve(auth => { portal => 'right' },
		reply => { auth => '454 4.7.0 SECRET' });
	settings(username => 'portal', password => 'right');
	waiting($id, qr/^sign in: the server puts off us \(454\)/);
	pass('a login that is put off is tried again');
	# tried at once with other settings: it must be gone by then
	$sink->stop();
	settings(username => undef, password => undef);
	like(text_of(waiting($id, qr/nobody/)), qr/^connect: nobody takes/,
		'nobody who is there, too');
	serve();
	is(to_end($id)->{state}, 'done', 'and in the end it is taken');
	is(scalar came($to), 1, 'once');
	return;
}


# A server that needs its time, or goes away, when it has the message.

sub who_is_slow {
	my $to = somebody();

	serve(slow => 12);
	is(job($to)->{state}, 'done', 'who takes long to take it is waited for');
	is(scalar came($to), 1, 'it is not sent again meanwhile');

	$to = somebody();
	serve(reply => { quit => '' });
	is(job($to)->{state}, 'done', 'who does not answer to QUIT has taken it');
	is(scalar came($to), 1, 'once');
	return;
}


sub who_is_killed {
	my $to = somebody();

	serve(mute => 1);
	my $id = start($to);
	ok($t->wait_for(sub { came($to) }, 30), 'a server has the message');
	kill_agent();
	serve();
	$t->start('agent');
	is(to_end($id)->{state}, 'done', 'P5: the agent was killed: it is done');
	my @mail = came($to);
	is(scalar @mail, 2, 'who has not heard the answer sends it again');
	is($mail[1]{data}, $mail[0]{data}, 'the same, by its Message-ID too');

	# cancelled then: the server may have taken it, and is listened to
	$to = somebody();
	serve(slow => 4);
	$id = start($to);
	$t->wait_for(sub { came($to) }, 30);
	$t->api(DELETE => "/jobs/$id", role => 'MasterAdmin');
	is(to_end($id)->{state}, 'done',
		'one that is cancelled when the server has it is not called back');

	# one that waits
	$sink->stop();
	$to = somebody();
	$id = start($to);
	waiting($id);
	kill_agent();
	$t->start('agent');
	waiting($id);
	pass('P5: one that waits goes on waiting when the agent was killed');
	$t->restart('redis');
	$t->wait_for(sub { get($id)->{next_at} }, 20);
	serve();
	is(to_end($id)->{state}, 'done', 'also when Redis is restarted');
	is(scalar came($to), 1, 'and is sent once');

	# its entry twice, as by a repeated command
	$sink->stop();
	$to = somebody();
	$id = start($to);
	my ($entry) = grep { { @{ $_->[1] } }->{id} eq $id }
		@{ $t->redis(XRANGE => 'mp:{jobs}:agent', '-', '+') };
	$t->redis(XADD => 'mp:{jobs}:agent', '*', @{ $entry->[1] });
	waiting($id);
	serve();
	to_end($id);
	is(job(somebody())->{state}, 'done', 'the next one is sent');
	is(scalar came($to), 1, 'one that is in the queue twice is sent once');
	$t->redis(XADD => 'mp:{jobs}:agent', '*', @{ $entry->[1] });
	is(job(somebody())->{state}, 'done', 'the next one is sent');
	is(scalar came($to), 1, 'also when that comes behind its end');
	return;
}


sub how_it_ends {
	$sink->stop();
	my $id = start(my $to = somebody());
	waiting($id);
	$t->stop('agent');
	age($id, 20 * 60 - 5);
	$t->start('agent');
	my $job = to_end($id);
	is($job->{state}, 'failed', 'after twenty minutes it fails');
	is(text_of($job), 'connect: nobody takes the connection; given up after '
		. '20 minutes', 'in words');
	is($job->{next_at}, undef, 'and is not tried again');

	# cancelled: in its pause, and while nobody listens
	$id = start($to);
	waiting($id);
	$t->stop('agent');
	age($id, 600);
	$t->start('agent');
	$t->wait_for(sub { (get($id)->{next_at} // '') gt
		POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time() + 60) }, 30,
		'a long pause');
	is($t->api(DELETE => "/jobs/$id", role => 'MasterAdmin')->{status}, 202,
		'one that waits can be cancelled');
	is(to_end($id)->{state}, 'cancelled', 'in a long pause');
	my $steps = steps(get($id));
	like($steps, qr/resolve:/, 'its steps stay');

	$id = start($to);
	waiting($id);
	kill_agent();
	is($t->api(DELETE => "/jobs/$id", role => 'MasterAdmin')->{status}, 202,
		'cancelled while the agent is away');
	# as if it had read that before
	for (@{ $t->redis(XRANGE => 'mp:{jobs}:agent', '-', '+') }) {
		my %f = @{ $_->[1] };
		$t->redis(XDEL => 'mp:{jobs}:agent', $_->[0])
			if $f{op} eq 'cancel';
	}
	serve();
	$t->start('agent');
	is(to_end($id)->{state}, 'cancelled', 'it is when that comes back');
	is(job(somebody())->{state}, 'done', 'the next one is sent');
	is(scalar came($to), 0, 'and none of those was');
	return;
}


# What waits for a server is tried at once with another one; a second test is
# refused meanwhile, and means the first.

sub other_settings {
	$sink->stop();
	my $id = start(my $to = somebody());
	waiting($id);
	$t->stop('agent');
	age($id, 600);
	$t->start('agent');
	$t->wait_for(sub { (get($id)->{next_at} // '') gt
		POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time() + 60) }, 30,
		'a long pause');
	$port++;
	serve();
	settings(port => $port);
	my $res = post($to);
	ok($res->{status} == 202 || $res->{json}{job} eq $id,
		'the same test again is the first one, or comes after it');
	is(to_end($id)->{state}, 'done', 'other settings are tried at once');
	$t->wait_for(sub { get($res->{json}{id})->{state} eq 'done' }, 30)
		if $res->{status} == 202;
	cmp_ok(scalar came($to), '>=', 1, 'there');

	# what an attempt says that began before is not said
	serve(silent => 1);
	$id = start($to = somebody());
	$t->wait_for(sub { get($id)->{state} eq 'running' }, 20);
	my $old = $sink;
	($port, $sink) = ($port - 1, undef);
	serve();
	settings(port => $port);
	$old->stop();
	is(to_end($id)->{state}, 'done', 'also those of an attempt at work');
	is(scalar came($to), 1, 'by the new server');
	return;
}


# More than the agent has before it at a time, and what the others do then.

sub many {
	my %to = map { my $to = somebody(); $to => undef } 1 .. 300;

	$sink->stop();
	$to{$_} = start($_) for sort keys %to;
	ok($t->wait_for(sub { 0 < grep { $_->{next_at} } map { get($_) }
		(values %to)[0 .. 9] }, 60), 'three hundred wait for a server');
	my $res = $t->api(POST => '/jobs', role => 'MasterAdmin',
		headers => { 'Idempotency-Key' => 'beside them' },
		json => { action => 'relayhost-test' });
	is(to_end($res->{json}{id})->{state}, 'failed',
		'a test of the relayhost does not');
	my ($rss) = $t->read_file('/proc/' . $t->pid('agent') . '/status')
		=~ /^VmHWM:\s+(\d+) kB/m;
	cmp_ok($rss, '<=', 32 << 10, "within 32 MiB ($rss KiB)")
		unless $t->build() =~ /sanitize/;

	serve();
	settings(from => 'other@mx.example');
	ok($t->wait_for(sub { !grep { get($_)->{state} ne 'done' }
		values %to }, 120), 'each is sent in the end');
	my %count;
	$count{ $_->{to}[0] }++ for $sink->messages();
	is(join(' ', grep { ($count{$_} // 0) != 1 } sort keys %to), '', 'once');
	is($t->redis(XPENDING => 'mp:{jobs}:agent', $node)->[0], 0,
		'no entry is left');
	return;
}


sub garbage {
	$t->redis(XADD => 'mp:{jobs}:agent', '*', @$_) for [qw/ op run /],
		[op => 'dance', id => 'x'],
		[op => 'run', id => 'f' x 24, job => '{}'],
		[op => 'run', id => 'e' x 24, job => "\xff\xfe"], [a => 'b'];
	ok($t->wait_for(sub {
		($t->redis(HGET => 'mp:{jobs}:p:' . 'f' x 24, "n:$node") // '')
		=~ /failed/ }, 20), 'garbage in the queue fails by name');

	my $job = $t->redis(HGET => 'mp:{jobs}:j:' . start(somebody()), 'job');
	for my $bad ([target => "a\@b.example\\r\\nBcc: x\@y.example"],
		[target => 'a@b.example,c@d.example'],
		[action => 'quota-recalc'])
	{
		my ($field, $value) = @$bad;
		my $id = sprintf '%024x', ++$names;
		my $text = $job =~ s/"id":"[^"]*"/"id":"$id"/r
			=~ s/"$field":"[^"]*"/"$field":"$value"/r;

		$t->redis(XADD => 'mp:{jobs}:agent', '*', op => 'run', id => $id,
			job => $text);
		ok($t->wait_for(sub {
			($t->redis(HGET => "mp:{jobs}:p:$id", "n:$node") // '')
			=~ /"failed"/ }, 20), "so does a $field that is none");
	}

	$t->redis(DEL => 'mp:{jobs}:agent');
	is(job(somebody())->{state}, 'done',
		'and the next job is done, also when the queue was lost');
	return;
}


$t->wait_for(sub { $t->redis(EXISTS => "mp:{hb}:agent:$node") }, 20);
serve();
settings(host => '127.0.0.1', port => $port, from => 'portal@mx.example');

nothing_is_injected();
is_sent();
ways_of_tls();
what_is_for_good();
what_is_for_now();
who_is_slow();
who_is_killed();
how_it_ends();
other_settings();
many();
garbage();

$sink->stop();
$t->done();
