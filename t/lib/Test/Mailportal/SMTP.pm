package Test::Mailportal::SMTP;

# A small SMTP client that can be any foreign client by XCLIENT.

use warnings;
use strict;

use IO::Socket::INET;
use MIME::Base64 qw/ encode_base64 /;


# Options: xclient => { ADDR, NAME, … }, helo, auth => [user, password].

sub new {
	my ($class, $host, $port, %opt) = @_;
	my $sock = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port,
		Timeout => 20) or die "$host:$port: $!\n";
	my $self = bless { sock => $sock, helo => $opt{helo} // 'mx.example' },
		$class;

	$self->{greeting} = $self->reply();
	$self->cmd("EHLO $self->{helo}");
	$self->_xclient($opt{xclient}) if $opt{xclient};
	$self->cmd('AUTH PLAIN ' . encode_base64(
		join("\0", '', @{ $opt{auth} }), '')) if $opt{auth};

	return $self;
}


sub _xclient {
	my ($self, $attr) = @_;

	$self->{greeting} = $self->cmd('XCLIENT ' . join ' ',
		map { "$_=$attr->{$_}" } sort keys %$attr);
	$self->cmd("EHLO $self->{helo}");
	return;
}


sub send {
	my ($self, $bytes) = @_;

	local $SIG{PIPE} = 'IGNORE';
	syswrite $self->{sock}, $bytes;
	return;
}


# "250 2.1.0 Ok", the lines of a long reply divided by \n; "" at the end.

sub reply {
	my ($self) = @_;
	my @lines;

	local $SIG{ALRM} = sub { die "no SMTP reply\n" };
	alarm 60;
	while (defined(my $line = readline $self->{sock})) {
		$line =~ s/\r?\n\z//;
		push @lines, $line;
		last if $line =~ /^\d{3}(?: |\z)/;
	}
	alarm 0;

	return join "\n", @lines;
}


sub cmd {
	my ($self, $line) = @_;

	$self->send("$line\r\n");
	return $self->reply();
}


sub mail_from {
	my ($self, $from) = @_;

	return $self->cmd('MAIL FROM:' . ($from =~ /^</ ? $from : "<$from>"));
}


# One transaction: from, to (text or list), data (text, \n line ends) or
# headers and body.  Returns { mail, rcpt => [], data, end }, as far as it
# came; ok tells whether the message was taken.

sub message {
	my ($self, %m) = @_;
	my @to = ref $m{to} ? @{ $m{to} } : $m{to};
	my %r = (mail => $self->mail_from($m{from}), ok => 0);

	return $self->_reset(\%r) if $r{mail} !~ /^2/;
	push @{ $r{rcpt} }, $self->cmd("RCPT TO:<$_>") for @to;
	return $self->_reset(\%r) unless grep { /^2/ } @{ $r{rcpt} };

	$r{data} = $self->cmd('DATA');
	return $self->_reset(\%r) if $r{data} !~ /^3/;
	$self->send(_dots($m{data} // _text(\%m)) . ".\r\n");
	$r{end} = $self->reply();
	$r{ok} = $r{end} =~ /^2/ ? 1 : 0;

	return \%r;
}


sub _reset {
	my ($self, $replies) = @_;

	$self->cmd('RSET') if ($replies->{mail} // '') !~ /^421/;
	return $replies;
}


sub _text {
	my ($m) = @_;
	my %h = (Subject => 'test', From => '<x@example.net>',
		%{ $m->{headers} // {} });

	return join('', map { "$_: $h{$_}\n" } sort keys %h)
		. "\n" . ($m->{body} // "A line.\n");
}


sub _dots {
	my ($text) = @_;

	$text .= "\n" unless $text =~ /\n\z/;
	$text =~ s/^\./../mg;
	$text =~ s/\r?\n/\r\n/g;
	return $text;
}


sub quit {
	my ($self) = @_;

	my $reply = $self->cmd('QUIT');
	close $self->{sock};
	return $reply;
}


1;
