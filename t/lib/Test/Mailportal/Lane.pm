package Test::Mailportal::Lane;

# The worker's side of a connection to a lane.  In lines that are sent, a
# blank stands for a tab; lines that come have blanks in place of tabs.

use warnings;
use strict;

use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw/ time /;

our $VERSION_LINE = 'VERSION mailportal-lane 1 0';


# first: what is sent instead of the version.

sub new {
	my ($class, $d, $first) = @_;
	my $sock = IO::Socket::UNIX->new(
		Peer => $d->dir() . '/run/dovecot/mailportal-lane')
		or die "lane: $!\n";
	my $self = bless { sock => $sock, bytes => '' }, $class;

	$self->put($first // $VERSION_LINE);
	return $self;
}


sub put {
	my ($self, @lines) = @_;
	my $bytes = join '', map { s/ /\t/gr . "\n" } @lines;

	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes) {
		my $n = syswrite($self->{sock}, $bytes) // return;
		substr $bytes, 0, $n, '';
	}
	return;
}


# Whether something comes within so many seconds.

sub ready {
	my ($self, $seconds) = @_;

	return $self->{bytes} =~ /\n/
		|| IO::Select->new($self->{sock})->can_read($seconds);
}


# The next line, '' when the lane has closed the connection.

sub line {
	my ($self) = @_;
	my $until = time() + 120;

	while ($self->{bytes} !~ /\n/) {
		$self->ready($until - time())
			or die "the lane does not answer\n";
		sysread($self->{sock}, $self->{bytes}, 65536,
			length $self->{bytes}) or return '';
	}
	$self->{bytes} =~ s/^(.*)\n//;
	return $1 =~ s/\t/ /gr;
}


# All lines until the connection is closed, or until one matches.

sub lines {
	my ($self, $last) = @_;
	my @lines;

	while ((my $line = $self->line()) ne '') {
		push @lines, $line;
		last if defined $last && $line =~ $last;
	}
	return @lines;
}


sub close {
	my ($self) = @_;

	return close $self->{sock};
}


1;
