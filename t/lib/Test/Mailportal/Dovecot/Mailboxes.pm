package Test::Mailportal::Dovecot::Mailboxes;

# What tests do to mailboxes: fill them, look into them, and break them.

use warnings;
use strict;

use File::Find ();
use File::Path qw/ make_path /;
use IO::Socket::INET;

my $UID = 5000;
my $serial = 0;


sub home {
	my ($self, $user) = @_;
	my ($local, $domain) = split /@/, $user;
	my $home = $self->{users}{$user}{home};

	return $home // $self->dir() . "/data/mail/$domain/$local";
}


# Where the files of a user are; the first is the one that is there.

sub root {
	my ($self, $user) = @_;
	my $home = $self->home($user);
	my ($root) = grep { -d } map { "$home/$_" } qw/ Maildir sdbox mdbox /;

	return $root // "$home/Maildir";
}


sub text {
	my ($self, %m) = @_;
	my $n = ++$serial;
	my $date = $m{date} // 'Mon, 02 Mar 2020 10:00:00 +0000';
	my $body = $m{body} // 'A line of text.';

	$body .= "\n" . 'x' x 70 while length $body < ($m{size} // 0);
	return join "\n", "From: <somebody\@stranger.example>", "Date: $date",
		'Subject: ' . ($m{subject} // "message $n"),
		"Message-ID: <$n.$$\@stranger.example>", '', $body, '';
}


# Fills Maildirs with files, which Dovecot finds by itself: $count messages in
# a folder of each user.  Options: folder, size, subject, date.

sub fill_maildir {
	my ($self, $users, $count, %m) = @_;

	for my $user (ref $users ? @$users : $users) {
		my $folder = $m{folder} // 'INBOX';
		my $root = $self->home($user) . '/Maildir';
		my $dir = $folder eq 'INBOX' ? $root : "$root/.$folder";

		make_path("$dir/cur", "$dir/new", "$dir/tmp");
		$self->_maildir_file($dir, $self->text(%m)) for 1 .. $count;
		$self->own($user);
	}

	return;
}


sub _maildir_file {
	my ($self, $dir, $text) = @_;
	my $name = sprintf '%d.M%dP%d.test,S=%d:2,S', time(), ++$serial, $$,
		length $text;

	open my $fh, '>:raw', "$dir/cur/$name" or die "$dir: $!\n";
	print $fh $text;
	close $fh or die "$dir: $!\n";
	return;
}


# Homes belong to the user of all mailboxes, up to the folder of all.

sub own {
	my ($self, $user) = @_;
	my ($local, $domain) = split /@/, $user;
	my $mail = $self->dir() . '/data/mail';

	chown $UID, $UID, $mail, "$mail/$domain";
	File::Find::find({ no_chdir => 1, wanted => sub {
		lchown_($File::Find::name) } }, $self->home($user));
	return;
}


sub lchown_ { return chown $UID, $UID, $_[0]; }


# Any format: the first user gets the messages by IMAP, the others a copy of
# its home.

sub fill {
	my ($self, $users, $count, %m) = @_;
	my ($first, @others) = ref $users ? @$users : $users;
	my $folder = $m{folder} // 'INBOX';
	my $imap = $self->imap($first);

	$imap->cmd("CREATE \"$folder\"") if $folder ne 'INBOX';
	$imap->append($folder, $self->text(%m)) for 1 .. $count;
	$imap->logout();

	$self->copy_home($first, @others);
	return;
}


sub copy_home {
	my ($self, $from, @to) = @_;

	for my $user (@to) {
		my $home = $self->home($user);
		make_path($home);
		system('cp', '-a', $self->home($from) . '/.', $home) == 0
			or die "cp: $?\n";
		$self->own($user);
	}

	return;
}


sub imap {
	my ($self, $user) = @_;

	return $self->{t}->imap($user, $self->{t}->env('MP_USER_PASSWORD'));
}


# The number of messages by POP3, or what it said instead.

sub pop3 {
	my ($self, $user) = @_;
	my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $self->{t}->port('pop3'), Timeout => 60)
		or return "-ERR $!";
	my $password = $self->{t}->env('MP_USER_PASSWORD');
	my $reply = _pop3_line($sock);

	for my $line ("USER $user", "PASS $password", 'STAT') {
		return $reply if $reply !~ /^\+OK/;
		print $sock "$line\r\n";
		$reply = _pop3_line($sock);
	}
	print $sock "QUIT\r\n";

	return $reply =~ /^\+OK (\d+)/ ? $1 : $reply;
}


sub _pop3_line {
	my ($sock) = @_;

	local $SIG{ALRM} = sub { die "no POP3 reply\n" };
	alarm 60;
	my $line = readline $sock;
	alarm 0;

	return $line // '-ERR the connection ended';
}


# One message by doveadm save.  saved, a unix time, is when it was saved: by
# libfaketime, in Dovecot's cache (new(faketime => 1)).

sub save {
	my ($self, $user, %m) = @_;
	my $file = $self->{t}->write_file('message', $self->text(%m));
	local %ENV = (%ENV, defined $m{saved} ? (LD_PRELOAD => _faketime(),
		FAKETIME => sprintf '%+d', $m{saved} - time()) : ());
	my ($rc, $out) = $self->stock('save', '-u', $user, '-m',
		$m{folder} // 'INBOX', $file);

	die "doveadm save: $out\n" if $rc;
	return;
}


sub _faketime {
	my ($file) = glob '/usr/lib/*/faketime/libfaketime.so.1';

	return $file // die "libfaketime is not installed\n";
}


# The uids and dates of saving in a folder.

sub saved {
	my ($self, $user, $folder) = @_;
	my ($rc, $out) = $self->stock('-f', 'tab', 'fetch', '-u', $user,
		'uid date.saved.unixtime', 'mailbox', $folder // 'INBOX');

	return $out =~ /^(\d+)\t(\d+)$/mg;
}


# One message by LMTP; returns the last reply.

sub deliver {
	my ($self, $user, %m) = @_;
	my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $self->{t}->port('lmtp'), Timeout => 60)
		or return "421 $!";
	my $reply = _lmtp($sock);

	for my $line ('LHLO test.example',
		'MAIL FROM:<somebody@stranger.example>', "RCPT TO:<$user>",
		'DATA', $self->text(%m) =~ s/^\./../mgr =~ s/\n/\r\n/gr . '.')
	{
		return $reply if $reply !~ /^[23]/;
		print $sock "$line\r\n";
		$reply = _lmtp($sock);
	}
	print $sock "QUIT\r\n";

	return $reply;
}


sub _lmtp {
	my ($sock) = @_;

	local $SIG{ALRM} = sub { die "no LMTP reply\n" };
	alarm 60;
	while (defined(my $line = readline $sock)) {
		$line =~ s/\r?\n\z//;
		if ($line =~ /^\d{3}(?: |\z)/) {
			alarm 0;
			return $line;
		}
	}
	alarm 0;
	return '421 the connection ended';
}


# Messages in a folder, as Dovecot's indexes have it.

sub count {
	my ($self, $user, $folder) = @_;
	my ($rc, $out) = $self->stock('-f', 'tab', 'mailbox', 'status', '-u',
		$user, 'messages', $folder // 'INBOX');

	return $out =~ /^(?:\S.*\t)?(\d+)$/m ? $1 : undef;
}


# (bytes, messages) as doveadm quota get has them, in KiB and messages.

sub quota {
	my ($self, $user) = @_;
	my ($rc, $out) = $self->stock('-f', 'tab', 'quota', 'get', '-u', $user);
	my %value = map { (split /\t/)[1, 2] } grep { /\t(?:STORAGE|MESSAGE)\t/ }
		split /\n/, $out;

	return @value{qw/ STORAGE MESSAGE /};
}


# Index files of all folders of a user.

sub index_files {
	my ($self, $user) = @_;
	my @found;

	File::Find::find({ no_chdir => 1, wanted => sub {
		push @found, $_ if -f && m!/dovecot\.(?:list\.)?index[^/]*$!;
	} }, $self->root($user));

	return sort @found;
}


sub remove_indexes {
	my ($self, $user) = @_;

	return unlink $self->index_files($user);
}


# As many random bytes as there were.

sub garble_indexes {
	my ($self, $user) = @_;
	my @files = $self->index_files($user);

	for my $file (@files) {
		open my $fh, '+<:raw', $file or die "$file: $!\n";
		print $fh map { chr int rand 256 } 1 .. -s $file;
		close $fh;
	}

	return scalar @files;
}


# A maildirsize that says what is not so.

sub fake_maildirsize {
	my ($self, $user, $bytes, $messages) = @_;
	my $file = $self->home($user) . '/Maildir/maildirsize';
	my ($head) = split /\n/, $self->{t}->read_file($file) // '';

	open my $fh, '>', $file or die "$file: $!\n";
	print $fh join "\n", $head // '0S', "$bytes $messages", '';
	close $fh;
	chown $UID, $UID, $file;
	return;
}


1;
