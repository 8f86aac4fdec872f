#!/usr/bin/perl

# auto/packages holds the services of what it installs back, and leaves what
# was there before as it was.  apt, dpkg and systemctl are stand-ins here.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use File::Path qw/ make_path /;
use File::Temp;
use Test::Lint;

my $dir = File::Temp->newdir();
my $policy = "$dir/policy-rc.d";

make_path("$dir/auto", "$dir/bin");


sub write_file {
	my ($path, $text) = @_;

	open my $fh, '>', $path or die "$path: $!\n";
	print $fh $text;
	close $fh or die "$path: $!\n";
	chmod 0755, $path;
}

write_file("$dir/auto/packages", slurp('auto/packages')
	=~ s!^policy=.*$!policy=$policy!mr);

# each line of "installed" is a package

write_file("$dir/bin/dpkg-query", <<'END');
#!/bin/sh
eval "last=\${$#}"
case $last in
    *Package*) sed 's/^/install ok installed|/' "$STAND/installed" ;;
    *) grep -qx "$last" "$STAND/installed" && echo 'install ok installed' ;;
esac
END

write_file("$dir/bin/dpkg", <<'END');
#!/bin/sh
echo "/lib/systemd/system/$2.service"
echo "/lib/systemd/system/$2@.service"
echo "/usr/share/doc/$2"
END

write_file("$dir/bin/apt-get", <<'END');
#!/bin/sh
"$STAND/policy-rc.d" "${0##*/}" start
echo "apt-get $* policy $?" >> "$STAND/done"
test ! -e "$STAND/broken" || exit 100
for word; do
    case $word in
        update) exit 0 ;;
        install|-*|*=*) ;;
        *) echo "$word" >> "$STAND/installed" ;;
    esac
done
END

write_file("$dir/bin/systemctl", <<'END');
#!/bin/sh
echo "systemctl $*" >> "$STAND/done"
END

write_file("$dir/bin/debconf-set-selections", "#!/bin/sh\ncat > /dev/null\n");
write_file("$dir/bin/npm", "#!/bin/sh\n");


# (exit code, what the stand-ins were told)

sub packages {
	my ($installed, @groups) = @_;

	unlink "$dir/done";
	write_file("$dir/installed", join '', map { "$_\n" } @$installed);
	my $rc = system("STAND=$dir PATH=$dir/bin:\$PATH"
		. " $dir/auto/packages @groups > $dir/said 2>&1");
	return ($rc >> 8, -e "$dir/done" ? slurp("$dir/done") : '');
}


# a bare machine, but for nginx

my ($rc, $done) = packages(['nginx'], 'run');
my ($install) = $done =~ /^(apt-get install .*)$/m;

is($rc, 0, 'what is missing is installed');
like($install, qr/ postfix /, 'Postfix, for one');
unlike($install, qr/ nginx /, 'what is there is not');
like($install, qr/ policy 101$/, 'while no service may be started');
like($install, qr/ --no-remove /, 'and nothing be removed for it');
like($install, qr/--force-confold/, 'nor a configuration be replaced');
ok(!-e $policy, 'afterwards services may be started again');
like($done, qr/^systemctl --no-reload disable postfix\.service$/m,
	'a new service is left off at the next start of the machine');
unlike($done, qr/disable nginx/, 'one that was there is left alone');
unlike($done, qr/systemctl (?:start|stop|restart|daemon-reload|mask)/,
	'and none is started or stopped');

my @all = grep { length } split /\n/, slurp("$dir/installed");
($rc, $done) = packages(\@all, 'run');
is("$rc $done", '0 ', 'when all is there nobody is asked');

# a policy of the machine's own, and a package manager that fails

write_file($policy, "#!/bin/sh\n# mine\nexit 0\n");
($rc, $done) = packages(['nginx'], 'run');
like($done, qr/ policy 101$/m, 'a policy of the machine is set aside');
like(slurp($policy), qr/^# mine$/m, 'and comes back');

write_file("$dir/broken", '');
($rc, $done) = packages(['nginx'], 'run');
isnt($rc, 0, 'a failure is one');
like(slurp("$dir/said"), qr/Install the packages by hand/,
	'with a way out');
like(slurp($policy), qr/^# mine$/m, 'and the policy comes back then too');

($rc, $done) = packages([], 'everything');
is("$rc $done", '2 ', 'an unknown group is refused');

done_testing();
