package Test::Mailportal::Logs;

# The logs of servers as a test writes them, and as the API has them.

use warnings;
use strict;

use Test::Mailportal qw/ json /;
use Test::More ();


sub new {
	my ($class, $t) = @_;
	my %path = map { $_ => $t->dir() . "/log/$_.log" } qw/ mail dovecot /;

	return bless { t => $t, n => 0, path => \%path,
		cookie => $t->role('MasterAdmin') }, $class;
}


sub mail { return $_[0]{path}{mail}; }
sub dovecot { return $_[0]{path}{dovecot}; }


# A line as Postfix's, without its end.

sub line {
	my ($self, $text) = @_;

	return sprintf 'Nov 22 20:28:%02d mx postfix/smtpd[%d]: %s',
		$self->{n} % 60, 100 + $self->{n}++, $text;
}


sub put {
	my ($self, $file, @bytes) = @_;

	open my $fh, '>>', $file or die "$file: $!\n";
	print {$fh} @bytes or die "$file: $!\n";
	close $fh or die "$file: $!\n";
	return;
}


# Lines of Postfix, each with its end, into its log.

sub add {
	my ($self, @texts) = @_;

	$self->put($self->mail(), map { $self->line($_) . "\n" } @texts);
	return;
}


sub get {
	my ($self, $query) = @_;

	return $self->{t}->api('GET', "/logs/$query", cookie => $self->{cookie});
}


sub text {
	my ($self, $service) = @_;

	return $self->get("$service?format=text&limit=10000")->{body};
}


sub lines {
	my ($self, $query) = @_;

	return map { $_->{line} } @{ $self->get($query)->{json}{lines} // [] };
}


# What the lines say, without their heads.

sub texts {
	my ($self, $query) = @_;

	return map { ($_ // '') =~ s/^.*?\]: //r } $self->lines($query);
}


# Waits until the newest line says so.

sub reaches {
	my ($self, $text, $what, $service) = @_;
	my $ok = $self->{t}->wait_for(sub {
		(($self->texts(($service // 'postfix') . '?limit=1'))[-1] // '')
			eq $text }, 60);

	return Test::More::ok($ok, $what // "as far as \"$text\"");
}


# The newest lines are those of the file, byte for byte.

sub follows {
	my ($self, $what, $service, $file) = @_;
	my $path = $file // $self->mail();
	my $ok = $self->{t}->wait_for(sub {
		$self->text($service // 'postfix') eq `tail -n 10000 $path` }, 60);

	return Test::More::ok($ok, $what);
}


# What GET /nodes says of the agent, in one text; undef without an answer.

sub nodes {
	my ($self) = @_;
	my $res = $self->{t}->api('GET', '/nodes', cookie => $self->{cookie});
	my ($agent) = grep { $_->{component} eq 'agent' }
		@{ $res->{json}{nodes} // [] };

	return unless $agent && !$res->{json}{stale};
	return join '; ', @{ $agent->{problems} };
}


# disks are looked at each minute
sub says {
	my ($self, $re, $what) = @_;
	my $said;
	my $ok = $self->{t}->wait_for(sub { $said = $self->nodes();
		defined $said && $said =~ $re }, 80);

	Test::More::diag('it says: ' . ($said // 'nothing')) unless $ok;
	return Test::More::ok($ok, $what);
}


sub is_well {
	my ($self, $what) = @_;

	return $self->says(qr/^$/, $what // 'it is well again');
}


1;
