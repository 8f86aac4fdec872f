package Test::Mailportal::Mail;

# Whole mail: sends through the MX as a stranger, and looks where it went.

use warnings;
use strict;

use Exporter 'import';
use POSIX ();
use Time::HiRes qw/ sleep time /;

use Test::Mailportal;

our @EXPORT_OK = qw/ outcome /;

my @servers = qw/ redis rspamd dovecot postfix milter nginx /;
my $serial = 0;


sub new {
	my ($class, %opt) = @_;
	my $t = Test::Mailportal->new(only => [@servers], %opt);

	return bless { t => $t }, $class;
}


sub t { return $_[0]{t}; }
sub user { return $_[0]{user} //= $_[0]{t}->env('MP_USER'); }
sub done { my ($self) = @_; delete $self->{imap}; return $self->{t}->done(); }


# Sessions and messages

sub session {
	my ($self, %opt) = @_;

	return $self->{t}->smtp_open(xclient => { ADDR => '192.0.2.10',
		NAME => 'mail.stranger.example' }, %opt);
}


# rspamd has no complaint about such a message but its own small constant.

sub text {
	my ($self, %m) = @_;
	my $id = $m{subject};
	my $from = ($m{from} // '') =~ /^[\w.-]+@[\w.-]+\z/
		? $m{from} : 'somebody@stranger.example';
	my @lines = (@{ $m{first} // [] }, "From: Somebody <$from>",
		"To: <$m{to}>", "Subject: $id",
		'Date: ' . POSIX::strftime('%a, %d %b %Y %H:%M:%S +0000', gmtime),
		"Message-ID: <$id\@stranger.example>", 'MIME-Version: 1.0',
		'Content-Type: text/plain; charset=us-ascii');

	push @lines, sprintf 'X-MP-Test-Score: %.2f', $m{score} - $self->base()
		if defined $m{score};
	return join("\n", @lines, '', $m{body} // 'A line of text.', '');
}


# What a message without a test header has in rspamd's eyes.

sub base {
	my ($self) = @_;

	return $self->{base} if defined $self->{base};

	$self->{base} = 0;
	my $sent = $self->send();
	my $score = $self->header($sent, 'X-Spam-Score');
	die "no score in the first message: $sent->{reply}\n"
		unless defined $score;

	return $self->{base} = $score;
}


# One message: from, to, score, subject, session, first (header lines before
# all others), body.  Returns { reply, ok, subject, to }; reply is the one
# that decided.

sub send {
	my ($self, %m) = @_;
	my $smtp = $m{session} // $self->session();

	$m{to} //= $self->user();
	$m{from} //= 'somebody@stranger.example';
	$m{subject} //= sprintf 'mp-%d-%d', $$, ++$serial;

	my $r = $smtp->message(from => $m{from}, to => $m{to},
		data => $self->text(%m));
	$smtp->quit() unless $m{session};

	my ($no) = grep { defined && !/^[23]/ }
		$r->{mail}, @{ $r->{rcpt} // [] }, $r->{data}, $r->{end};

	return { reply => $no // $r->{end} // '', ok => $r->{ok},
		subject => $m{subject}, to => $m{to} };
}


sub _imap {
	my ($self, $user) = @_;

	return $self->{imap}{$user} //= $self->{t}->imap($user);
}


# The numbers of the messages with a subject in a folder.

sub _search {
	my ($self, $sent, $folder) = @_;
	my $imap = $self->_imap($sent->{to});

	my ($status) = $imap->cmd("EXAMINE $folder");
	return unless $status =~ /^OK/;

	my ($done, @lines) = $imap->cmd(
		"SEARCH HEADER Subject \"$sent->{subject}\"");
	return map { /^\* SEARCH ([\d ]+)/ ? split(/ /, $1) : () } @lines;
}


# In which folder a message is: "INBOX", "Junk", or "" after that many seconds.

sub where {
	my ($self, $sent, $seconds) = @_;
	my $end = time() + ($seconds // 20);

	while (1) {
		for my $folder (qw/ INBOX Junk /) {
			return $folder if $self->_search($sent, $folder);
		}
		return '' if time() > $end;
		sleep 0.05;
	}
}


sub copies {
	my ($self, $sent) = @_;
	my @found = map { $self->_search($sent, $_) } qw/ INBOX Junk /;

	return scalar @found;
}


# The header of a delivered message, unfolded.

sub headers {
	my ($self, $sent) = @_;
	my $folder = $self->where($sent) or return '';
	my ($number) = $self->_search($sent, $folder);
	my ($done, @lines) = $self->_imap($sent->{to})->cmd(
		"FETCH $number (BODY.PEEK[HEADER])");
	my ($text) = join('', @lines) =~ /\{\d+\}\r\n(.*)\)\r\n\z/s;

	$text =~ s/\r\n[ \t]+/ /g;
	return $text;
}


sub header {
	my ($self, $sent, $name) = @_;
	my @values = $self->headers($sent) =~ /^\Q$name\E:[ \t]*(.*?)\r?$/gmi;

	return wantarray ? @values : $values[0];
}


# "INBOX", "Junk", "451" or "550": what became of a message.

sub outcome {
	my ($self, $sent) = @_;

	return $sent->{reply} =~ /^(\d{3})/ ? $1 : 'nothing' if !$sent->{ok};
	return $self->where($sent) || 'lost';
}


# Traffic and faults

# Sends messages one after the other while the fault goes on: when three have
# been answered it is made, after three more it is mended.  Returns what was
# sent, as send() does.

sub traffic {
	my ($self, $count, $break, $mend, %m) = @_;
	my ($t, $file) = ($self->{t}, $self->{t}->dir() . '/traffic');

	unlink $file;
	$self->base();
	my $child = fork() // die "fork: $!\n";
	if ($child == 0) {
		$self->_traffic($count, $file, %m);
		POSIX::_exit(0);
	}

	$serial += $count;
	$self->_progress($file, 3);
	$break->();
	$self->_progress($file, 6);
	$mend->();
	waitpid $child, 0;

	return map { my ($ok, $subject, $reply) = split / /, $_, 3;
		{ ok => $ok, subject => $subject, reply => $reply,
			to => $self->user() } } _lines($file);
}


sub _traffic {
	my ($self, $count, $file, %m) = @_;

	$SIG{INT} = $SIG{TERM} = 'DEFAULT';
	open my $fh, '>>', $file or return;
	$fh->autoflush(1);

	for (1 .. $count) {
		my $subject = sprintf 'mp-%d-%d', $$, ++$serial;
		my $sent = eval { $self->send(%m, subject => $subject) };
		my $reply = $sent->{reply} // $@ // '';

		$reply =~ tr/\n/ /;
		print $fh join(' ', $sent->{ok} ? 1 : 0, $subject, $reply),
			"\n";
	}

	return;
}


sub _progress {
	my ($self, $file, $count) = @_;

	$self->{t}->wait_for(sub {
		my @answers = _lines($file);
		return @answers >= $count;
	}, 120,
		"$count messages") or die "no traffic\n";
	return;
}


sub _lines {
	my ($file) = @_;

	open my $fh, '<', $file or return ();
	chomp(my @lines = <$fh>);
	return @lines;
}


# What was accepted and is not there, or is there more than once.

sub not_once {
	my ($self, @sent) = @_;
	my @taken = grep { $_->{ok} } @sent;

	$self->where($_) for @taken;
	return map { "$_->{subject}: " . $self->copies($_) }
		grep { $self->copies($_) != 1 } @taken;
}


# A server and the processes that it has started.

sub family {
	my ($self, $name) = @_;
	my $pid = $self->{t}->pid($name) // die "no $name\n";
	my @family;

	for my $file (glob '/proc/[0-9]*/stat') {
		open my $fh, '<', $file or next;
		my ($id, $rest) = (<$fh> // '') =~ /^(\d+) .*\) (.*)/ or next;
		push @family, $id if (split / /, $rest)[3] == $pid;
	}

	return @family;
}


sub signal {
	my ($self, $signal, $name) = @_;

	return kill $signal, $self->family($name);
}


# Ends a server as a crash does.

sub crash {
	my ($self, $name) = @_;
	my $pid = $self->{t}->pid($name);

	$self->signal(KILL => $name);
	return $self->{t}->wait_for(sub { !$self->family($name) }, 20,
		"the end of $name") && $pid;
}


# The portal

sub put {
	my ($self, $list, $entry) = @_;

	return $self->{t}->api(PUT => "/lists/$list/entries/$entry",
		json => {}, role => 'MasterAdmin');
}


sub remove {
	my ($self, $list, $entry) = @_;

	return $self->{t}->api(DELETE => "/lists/$list/entries/$entry",
		role => 'MasterAdmin');
}


sub settings {
	my ($self, %antispam) = @_;
	my $t = $self->{t};
	my $now = $t->api(GET => '/settings', role => 'MasterAdmin');

	return $t->api(PATCH => '/settings', json => { antispam => \%antispam },
		headers => { 'If-Match' => $now->{headers}{etag} },
		role => 'MasterAdmin');
}


# Waits until a new session's MAIL is answered so.

sub enforced {
	my ($self, $from, $code) = @_;

	return $self->{t}->wait_for(sub {
		my $smtp = $self->session();
		my $reply = $smtp->mail_from($from);
		$smtp->quit();
		return $reply =~ /^$code/;
	}, 20, "$code for $from");
}


# Waits until the milter has the settings that a PATCH has answered.

sub settled {
	my ($self, $res) = @_;
	my ($version) = ($res->{headers}{etag} // '') =~ /(\d+)/;

	die "no new settings: $res->{status} $res->{body}\n"
		unless defined $version;
	return $self->{t}->wait_for(sub {
		my $r = $self->{t}->api(GET => '/nodes', role => 'MasterAdmin');
		my ($node) = grep { $_->{component} eq 'milter' }
			@{ $r->{json}{nodes} // [] };
		return $node && $node->{settings} == $version;
	}, 30, "settings $version at the milter");
}


1;
