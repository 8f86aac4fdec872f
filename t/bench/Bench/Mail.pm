package Bench::Mail;

# Real mail: how soon a change is enforced, and what the filter costs
# Postfix.

use warnings;
use strict;

use Time::HiRes qw/ sleep time /;

use Bench::Portal;
use Test::Bench qw/ alternate cpu_usecs median percentile say_now
	wait_until /;

my $CHANGES = $ENV{BENCH_CHANGES} // 200;
my $MESSAGES = $ENV{BENCH_MESSAGES} // 400;

my $ready;


# Three more doors of the same Postfix: ours, rspamd's own milter, and none.
# Mail that came in is thrown away, and a sender may be refused as often as we
# like.  A filter that cannot be reached is an error, not a fast one.

sub _postfix {
	my $t = Bench::Portal::portal();
	my $dir = $t->dir();

	return $ready if $ready;

	my %milter = (
		ours => "unix:$dir/run/milter/milter.sock",
		rspamd => "unix:$dir/run/rspamd-milter.sock",
		none => '',
	);
	my %port = (ours => $t->base() + 11, rspamd => $t->base() + 12,
		none => $t->base() + 13);

	$t->write_file('conf/postfix/master.cf', $t->read_file(
		'conf/postfix/master.cf') . join '', map { <<"END" } sort keys
127.0.0.1:$port{$_} inet n - n - 100 smtpd
    -o smtpd_milters=$milter{$_}
    -o milter_default_action=tempfail
    -o smtpd_soft_error_limit=1000000
    -o smtpd_hard_error_limit=2000000
    -o smtpd_junk_command_limit=1000000
END
		%port);
	$t->write_file('conf/postfix/main.cf', $t->read_file(
		'conf/postfix/main.cf') . "virtual_transport = discard:\n");
	$t->write_file('conf/rspamd/local.d/worker-proxy.inc', <<"END");
enabled = true;
bind_socket = "$dir/run/rspamd-milter.sock mode=0666";
count = 1;
milter = yes;
timeout = 30s;
upstream "local" { default = yes; self_scan = yes; }
END
	$t->restart($_) or die "$_ does not start again\n"
		for qw/ rspamd postfix /;
	Bench::Portal::prefer_servers();

	return $ready = \%port;
}


sub _session {
	my ($port) = @_;

	return Test::Mailportal::SMTP->new('127.0.0.1', $port);
}


# Changes one entry and asks over an open session until the answer differs.

sub _change {
	my ($t, $cookie, $smtp, $domain, $method) = @_;
	my $wanted = $method eq 'PUT' ? qr/^550/ : qr/^250/;
	my $begin = time;
	my $res = $t->api($method => "/lists/blacklist/entries/$domain",
		cookie => $cookie, $method eq 'PUT' ? (json => {}) : ());
	my $answered = time;

	die "$method $domain: $res->{status} $res->{body}\n"
		if $res->{status} !~ /^20[014]$/;

	while (1) {
		my $reply = $smtp->mail_from("x\@mail.$domain");
		my $now = time;
		$smtp->cmd('RSET') if $reply =~ /^2/;
		return [$now - $begin, $now - $answered] if $reply =~ $wanted;
		die "$method $domain: $reply\n" if $now - $begin > 10;
	}
}


sub _changes {
	my ($bench, $name, $what) = @_;
	my $t = Bench::Portal::portal();
	my $cookie = $t->role('MasterAdmin');
	my $smtp = _session(_postfix()->{ours});
	my @times;

	for my $i (1 .. $CHANGES / 2) {
		my $domain = "change-$i.$name.example";
		push @times, _change($t, $cookie, $smtp, $domain, $_)
			for qw/ PUT DELETE /;
	}

	my @from_request = map { $_->[0] * 1000 } @times;
	my @from_answer = map { $_->[1] * 1000 } @times;
	my %raw = (changes => scalar @times,
		p50 => percentile(0.5, @from_request),
		max => percentile(1, @from_request),
		after_answer_p50 => percentile(0.5, @from_answer),
		after_answer_p99 => percentile(0.99, @from_answer),
		ms => \@from_request);

	$bench->result(name => $name, unit => 'ms', at_most => 50,
		what => "change to enforced, $what, p99 of $CHANGES",
		value => percentile(0.99, @from_request), raw => \%raw);
	return;
}


sub enforce {
	my ($bench) = @_;

	_changes($bench, 'enforce', 'few entries');
	Bench::Portal::load_million();
	sleep 1;
	_changes($bench, 'enforce-1M', '1M entries');
	return;
}


sub _send {
	my ($port, $file, @pids) = @_;
	my $before = cpu_usecs(@pids);
	my $begin = time;

	system('smtp-source', '-s', 8, '-m', $MESSAGES, '-F', $file, '-f',
		'someone@elsewhere.example', '-t', 'alice@demo.example',
		"127.0.0.1:$port") == 0 or die "smtp-source: status $?\n";

	return {
		per_second => $MESSAGES / (time - $begin),
		cpu_us => (cpu_usecs(@pids) - $before) / $MESSAGES,
	};
}


# A letter of ten kilobytes in two forms, as most mail is today.

sub _message {
	my $head = <<'END';
Received: from out.elsewhere.example (out.elsewhere.example [192.0.2.25])
	by relay.elsewhere.example with ESMTPS id 4bKq2x1Wz9z3vR
	for <alice@demo.example>; Mon, 12 Jan 2026 10:00:03 +0000
MIME-Version: 1.0
From: Someone <someone@elsewhere.example>
To: Alice <alice@demo.example>
Reply-To: Someone <someone@elsewhere.example>
Subject: The minutes of the meeting
Date: Mon, 12 Jan 2026 10:00:00 +0000
Message-ID: <minutes@elsewhere.example>
In-Reply-To: <agenda@demo.example>
References: <agenda@demo.example>
User-Agent: A mail program
Content-Language: en
Content-Type: multipart/alternative; boundary="the-parts"

END
	my $text = <<'END';
here is what we said on Monday.  The roof is paid for, the garden waits for
the spring, and Bob writes to the town about the trees.  Who has pictures of
the summer sends them to Carol, please, before the end of the month.

END
	my $plain = "Hello Alice,\n\n" . $text x 16;
	my $html = "<html><body><p>Hello Alice,</p>\n"
		. "<p>$text</p>\n" x 24 . "</body></html>\n";

	return Bench::Portal::portal()->write_file('message', $head
		. "--the-parts\nContent-Type: text/plain; charset=utf-8\n\n"
		. "$plain\n--the-parts\n"
		. "Content-Type: text/html; charset=utf-8\n\n"
		. "$html\n--the-parts--\n");
}


sub postfix {
	my ($bench) = @_;
	my $port = _postfix();
	my $t = Bench::Portal::portal();
	my $file = _message();
	my $rspamd = $t->pid('rspamd');
	my @rspamd = ($rspamd, split ' ', `pgrep -P $rspamd`);
	my @ours = ($t->pid('milter'), @rspamd);

	my $results = alternate($bench->rounds(),
		ours => sub { _send($port->{ours}, $file, @ours) },
		rspamd => sub { _send($port->{rspamd}, $file, @rspamd) },
		none => sub { _send($port->{none}, $file, @ours) });

	$bench->ratio($results, 'ours', 'rspamd', at_least => 0.95,
		name => 'postfix', what =>
		"Postfix, our milter, rspamd / rspamd's own milter");
	$bench->ratio($results, 'ours', 'none', name => 'postfix-none',
		what => 'Postfix, our milter, rspamd / no milter at all');
	return;
}


1;
