package Test::Mailportal::IMAP;

# A small IMAP client: sign in, list folders, read headers.

use warnings;
use strict;

use IO::Socket::INET;


sub new {
	my ($class, $host, $port, $user, $password) = @_;
	my $sock = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port,
		Timeout => 20) or die "$host:$port: $!\n";
	my $self = bless { sock => $sock, tag => 0 }, $class;

	$self->_line();
	my ($status) = $self->cmd('LOGIN ' . _quote($user) . ' '
		. _quote($password));
	die "IMAP login of $user: $status\n" if $status !~ /^OK/;

	return $self;
}


sub _quote {
	my ($text) = @_;

	$text =~ s/([\\"])/\\$1/g;
	return "\"$text\"";
}


sub _line {
	my ($self) = @_;

	local $SIG{ALRM} = sub { die "no IMAP reply\n" };
	alarm 30;
	my $line = readline $self->{sock};
	alarm 0;

	die "the IMAP connection ended\n" unless defined $line;
	return $line;
}


# (status line without its tag, untagged answers with their literals)

sub cmd {
	my ($self, $text) = @_;
	my $tag = 'a' . ++$self->{tag};
	my @untagged;

	print { $self->{sock} } "$tag $text\r\n";

	while (1) {
		my $line = $self->_line();
		while ($line =~ /\{(\d+)\}\r\n\z/) {
			read $self->{sock}, my ($literal), $1;
			$line .= $literal . $self->_line();
		}

		return ($1, @untagged) if $line =~ /^$tag (.*?)\r\n\z/s;
		push @untagged, $line;
	}
}


# One message into a folder; date is the internal one, "02-Mar-2020 10:00:00
# +0000".

sub append {
	my ($self, $folder, $text, $date) = @_;

	$text =~ s/\r?\n/\r\n/g;
	$date = defined $date ? "\"$date\" " : '';
	return $self->cmd('APPEND ' . _quote($folder) . " $date\{"
		. length($text) . "+}\r\n$text");
}


sub folders {
	my ($self) = @_;
	my ($status, @lines) = $self->cmd('LIST "" "*"');

	return sort map { /"?([^"\r\n ]+)"?\r\n\z/ ? $1 : () }
		grep { /^\* LIST/ } @lines;
}


# The headers of all messages of a folder, oldest first; none without it.

sub headers {
	my ($self, $folder) = @_;

	return $self->_fetch($folder, 'BODY.PEEK[HEADER]');
}


sub messages {
	my ($self, $folder) = @_;

	return $self->_fetch($folder, 'BODY.PEEK[]');
}


sub _fetch {
	my ($self, $folder, $what) = @_;
	my ($status) = $self->cmd('SELECT ' . _quote($folder));

	return if $status !~ /^OK/;
	my ($done, @lines) = $self->cmd("FETCH 1:* ($what)");
	return map { /^\* \d+ FETCH .*?\{\d+\}\r\n(.*)\)\r\n\z/s ? $1 : () }
		@lines;
}


sub logout {
	my ($self) = @_;

	$self->cmd('LOGOUT');
	close $self->{sock};
	return;
}


1;
