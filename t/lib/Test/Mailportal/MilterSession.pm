package Test::Mailportal::MilterSession;

# The MTA's side of the milter protocol, version 6, as Postfix 3.7 speaks it;
# and, for tests of what a stranger could send, packets of any kind.

use warnings;
use strict;

use IO::Select;
use IO::Socket::UNIX;
use Socket qw/ SOCK_STREAM /;
use Time::HiRes qw/ time /;

my %NOT = (connect => 0x1, helo => 0x2, mail => 0x4, rcpt => 0x8,
	body => 0x10, header => 0x20, eoh => 0x40, data => 0x200);
my %QUIET = (header => 0x80, connect => 0x1000, helo => 0x2000,
	mail => 0x4000, rcpt => 0x8000, data => 0x10000, eoh => 0x40000,
	body => 0x80000);

my $LEADSPC = 0x100000;

my %IS = (a => 'accept', c => 'continue', d => 'discard', r => 'reject',
	t => 'tempfail', s => 'skip');


# offer => protocol flags (all that Postfix offers), actions => likewise,
# negotiate => 0, connect => 0 leave that step out; addr, host, helo.

sub new {
	my ($class, $path, %opt) = @_;
	my $sock = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path)
		or die "$path: $!\n";
	my $self = bless { sock => $sock, in => '', protocol => 0,
		actions => 0, macros => {},
		addr => $opt{addr} // '192.0.2.1',
		wait => $opt{wait} // 20 }, $class;

	$self->negotiate(%opt) unless exists $opt{negotiate}
		&& !$opt{negotiate};
	$self->open_session(%opt) unless exists $opt{connect}
		&& !$opt{connect};

	return $self;
}


sub send_packet {
	my ($self, $command, $data) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $bytes = pack('N', 1 + length($data // '')) . $command
		. ($data // '');

	return $self->send_bytes($bytes);
}


sub send_bytes {
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';

	while (length $bytes) {
		my $n = syswrite $self->{sock}, $bytes;
		return 0 unless $n;
		substr($bytes, 0, $n) = '';
	}

	return 1;
}


# One packet as [command, data]; nothing when the connection has ended.

sub packet {
	my ($self) = @_;
	my $end = time() + $self->{wait};

	while (1) {
		if (length $self->{in} >= 5) {
			my $len = unpack 'N', $self->{in};
			if (length $self->{in} >= 4 + $len) {
				my $packet = substr $self->{in}, 0, 4 + $len, '';
				return [substr($packet, 4, 1),
					substr($packet, 5)];
			}
		}

		my $left = $end - time();
		return if $left <= 0
			|| !IO::Select->new($self->{sock})->can_read($left);
		return unless sysread $self->{sock}, $self->{in}, 65536,
			length $self->{in};
	}
}


# The answer to a step, with the changes of the message that come before it.

sub reply {
	my ($self) = @_;
	my @changes;

	while (my $packet = $self->packet()) {
		my ($command, $data) = @$packet;

		if ($command =~ /^[hmi+\-2beqAl]$/) {
			push @changes, [$command, $data];
			next;
		}

		next if $command eq 'p';

		if ($command eq 'y') {
			my ($text) = $data =~ /^([^\0]*)/;
			return { is => $text =~ /^5/ ? 'reject' : 'tempfail',
				text => $text, changes => \@changes };
		}

		return { is => $IS{$command} // $command, text => '',
			data => $data, changes => \@changes };
	}

	return { is => 'gone', text => '', changes => \@changes };
}


sub negotiate {
	my ($self, %opt) = @_;

	$self->send_packet('O', pack('NNN', $opt{version} // 6,
		$opt{actions} // 0x1ff, $opt{offer} // 0x1fffff));

	my $packet = $self->packet() // return;
	(undef, $self->{actions}, $self->{protocol}, $self->{symbols}) =
		unpack 'NNNa*', $packet->[1];
	return $self;
}


sub wants { return !($_[0]{protocol} & $NOT{$_[1]}); }
sub quiet { return $_[0]{protocol} & $QUIET{$_[1]}; }


sub macros {
	my ($self, $command, %macro) = @_;

	$self->send_packet('D', $command
		. join('', map { "$_\0$macro{$_}\0" } sort keys %macro));
	return;
}


# One step of the session: what the filter does not want to hear of is not
# sent, what it does not answer is not waited for.

sub step {
	my ($self, $name, $command, $data) = @_;

	return { is => 'continue', changes => [] } unless $self->wants($name);

	$self->send_packet($command, $data);
	return { is => 'continue', changes => [] } if $self->quiet($name);
	return $self->reply();
}


sub open_session {
	my ($self, %opt) = @_;
	my $host = ($opt{host} // 'client.example') . "\0";
	my $addr = $self->{addr};
	my $family = $addr eq '' ? 'U' : $addr =~ m!^/! ? 'L'
		: $addr =~ /:/ ? '6' : '4';

	$self->macros('C', j => 'mx.test.local') if $self->wants('connect');
	$self->step('connect', 'C', $host . $family
		. ($family eq 'U' ? '' : pack('n', 12345) . "$addr\0"));
	$self->step('helo', 'H', ($opt{helo} // 'client.example') . "\0");
	return $self;
}


# mail_addr: as given, or what Postfix would make of a plain address, or none
# when it is undef.  macros => {...} for others.

sub mail {
	my ($self, $from, %opt) = @_;
	my %macro = ('{client_addr}' => $self->{addr},
		'{client_name}' => 'client.example',
		'{daemon_name}' => 'mx.test.local',
		'{mail_addr}' => exists $opt{mail_addr} ? $opt{mail_addr}
			: lc $from =~ s/^<|>$//gr,
		%{ $opt{macros} // {} });

	delete $macro{$_} for grep { !defined $macro{$_} } keys %macro;
	$self->macros('M', %macro);
	$self->send_packet('M', join('', map { "$_\0" } $from,
		@{ $opt{args} // [] }));
	return $self->reply();
}


sub rcpt {
	my ($self, $to) = @_;

	return $self->step('rcpt', 'R', "$to\0");
}


sub header {
	my ($self, $name, $value) = @_;
	$value = " $value" if $self->{protocol} & $LEADSPC;

	return $self->step('header', 'L', "$name\0$value\0");
}


sub body {
	my ($self, $bytes) = @_;

	while ($self->wants('body') && length $bytes) {
		my $reply = $self->step('body', 'B',
			substr $bytes, 0, 65535, '');
		last if $reply->{is} eq 'skip';
		return $reply if $reply->{is} ne 'continue';
	}

	return { is => 'continue', changes => [] };
}


sub eom {
	my ($self, %macro) = @_;

	$self->macros('E', i => '4C316A72061', %macro);
	$self->send_packet('E', '');
	return $self->reply();
}


# From MAIL to the end: the last answer, and in "message" what became of the
# header, as [[name, value], ...] from the top.

sub message {
	my ($self, %opt) = @_;
	my @headers = @{ $opt{headers}
		// [['From', 'a@b.example'], ['Subject', 'test']] };
	my $reply = $self->mail($opt{from} // '<a@sender.example>', %opt);

	return $reply unless $reply->{is} eq 'continue';

	$self->rcpt($_) for @{ $opt{to} // ['<user@demo.example>'] };
	$opt{before_data}->() if $opt{before_data};
	$self->step('data', 'T', '');
	$self->header(@$_) for @headers;
	$self->step('eoh', 'N', '');
	$self->body($opt{body} // "Hello.\r\n");
	$opt{before_end}->() if $opt{before_end};

	$reply = $self->eom();
	$reply->{message} = $self->apply($reply->{changes}, @headers);
	return $reply;
}


# What Postfix makes of changes: deletions by index among headers of a name,
# insertions at a place.

sub apply {
	my ($self, $changes, @headers) = @_;
	my @h = map { [$_->[0] =~ s/[ \t]+$//r, $_->[1]] } @headers;
	my $leadspc = $self->{protocol} & $LEADSPC;

	for my $change (@$changes) {
		my ($command, $data) = @$change;

		if ($command eq 'm') {
			my ($index, $name, $value) =
				unpack('N', $data) ? (unpack('N', $data),
				split /\0/, substr($data, 4), -1) : next;
			my $n = 0;
			my ($at) = grep { lc $h[$_][0] eq lc $name
				&& ++$n == $index } 0 .. $#h;
			splice @h, $at, 1 if defined $at && $value eq '';

		} elsif ($command eq 'i') {
			my ($name, $value) = split /\0/, substr($data, 4), -1;
			$value = $leadspc ? $value : " $value";
			splice @h, unpack('N', $data), 0,
				[$name, $value =~ s/^ //r];
		}
	}

	return \@h;
}


sub abort { my ($self) = @_; return $self->send_packet('A', ''); }


sub quit {
	my ($self) = @_;

	$self->send_packet('Q', '');
	close $self->{sock};
	return;
}


1;
