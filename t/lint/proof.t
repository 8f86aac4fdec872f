#!/usr/bin/perl

# A lint that cannot fail is a lie: each rule is broken once in a copy of the
# tree, and its lint must say so.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Cwd;
use File::Basename;
use File::Path;
use File::Spec;
use File::Temp;
use Test::Lint;

my $root = getcwd();
my $copy = File::Temp->newdir();
my $build = File::Spec->rel2abs($ENV{MP_BUILD} // 'build');

sub write_file {
	my ($path, $text) = @_;

	mkpath(dirname($path));
	open my $fh, '>', $path or die "$path: $!\n";
	print $fh $text;
	close $fh or die "$path: $!\n";
}

for my $file (sources(qr/./)) {
	write_file("$copy/$file", slurp($file));
	chmod +(stat $file)[2] & 07777, "$copy/$file";
}

# lint, rule, file, text that is added to its end (of a file of its own when
# there is none), what the lint must print

my @rows = (
	['deps', 'shared knows libmilter', 'shared/zz.c',
		"#include <libmilter/mfapi.h>\n", 'line 1: <libmilter/mfapi.h>'],
	['deps', 'shared opens a file', 'shared/zz.c',
		"void\nzz(void)\n{\n    fopen(0, 0);\n}\n", 'not pure: fopen'],
	['deps', 'shared reads the clock', 'shared/zz.c',
		"void\nzz(void)\n{\n    time(0);\n}\n", 'not pure: time'],
	['deps', 'milter includes the module', 'milter/zz.c',
		"#include \"ngx_http_mailportal.h\"\n", 'line 1: "ngx_http_'],
	['deps', 'the module includes daemon/', 'ngx_mailportal_module/zz.c',
		"#include \"mp_redis.h\"\n", 'line 1: "mp_redis.h"'],
	['deps', 'agent includes libmilter', 'agent/zz.c',
		"#include <libmilter/mfapi.h>\n", 'line 1: <libmilter'],
	['deps', 'daemon includes jansson', 'daemon/zz.c',
		"#include <jansson.h>\n", 'line 1: <jansson.h>'],
	['deps', 'the verdict knows JSON', 'shared/mp_verdict.h',
		"#include <jansson.h>\n", 'sees: #include <jansson.h>'],
	['deps', 'the Dovecot plugin includes libcurl', 'dovecot-plugin/zz.c',
		"#include <curl/curl.h>\n", 'line 1: <curl/curl.h>'],
	['deps', 'a page imports from the net', 'web/zz.js',
		"import x from 'https://cdn.example/x.js';\n", 'cdn.example'],
	['deps', 'a page talks to another server', 'web/zz.js',
		"fetch('https://cdn.example/x.js');\n", 'address: fetch'],

	['nginx', 'a tab', 'ngx_mailportal_module/zz.c', "\tint x;\n", '1: tab'],
	['nginx', 'a long line', 'ngx_mailportal_module/zz.c',
		'x' x 81 . "\n", 'over 80 columns'],
	['nginx', 'one space before a name', 'ngx_mailportal_module/zz.c',
		"    ngx_int_t rc;\n", 'two spaces'],
	['nginx', 'else on its own line', 'ngx_mailportal_module/zz.c',
		"    }\n    else {\n", 'else on its own line'],
	['nginx', 'one blank line between functions',
		'ngx_mailportal_module/zz.c', "{\n}\n\nint\n", 'two blank lines'],
	['nginx', 'if without a space', 'ngx_mailportal_module/zz.c',
		"    if(x) {\n", 'need a space'],
	['nginx', 'if without braces', 'ngx_mailportal_module/zz.c',
		"    if (x) return;\n", 'no braces'],

	['format', 'house dialect', 'shared/zz.c', "int  zz ;\n", 'zz.c'],
	['format', "Dovecot's dialect", 'dovecot-plugin/zz.c',
		"int  zz ;\n", 'zz.c'],
	['format', 'house dialect in a test', 't/unit/zz.c', "int  zz ;\n", 'zz'],
	['format', 'house dialect in a bench', 't/bench/zz.c', "int  z ;\n", 'zz'],

	['once', 'a key outside the table', 'milter/zz.c',
		"const char *k = \"mp:{list}:log\";\n", 'milter/zz.c line 1'],
	['once', 'a version of Dovecot outside compat', 'dovecot-plugin/zz.c',
		"#if DOVECOT_VERSION_MINOR >= 4\n#endif\n", 'has: #if DOVECOT_V'],
	['once', 'a second json_dumps', 'milter/zz.c',
		"x = json_dumps(y, 0);\n", 'milter/zz.c line 1'],
	['once', 'a second smfi_setreply', 'milter/zz.c',
		"smfi_setreply(ctx, a, b, c);\n", 'milter/zz.c line 1'],
	['once', 'a format for Redis that is no literal', 'daemon/zz.c',
		"redisCommand(c, text);\n", 'daemon/zz.c line 1'],
	['once', 'a program that is executed', 'agent/zz.c',
		"execv(path, argv);\n", 'agent/zz.c line 1'],
	['once', 'one that is spawned', 'agent/zz.c',
		"x = posix_spawn(&p, path, 0, 0, argv, e);\n", 'agent/zz.c line 1'],
	['once', 'a shell', 'agent/zz.c',
		"const char *c = \"/bin/sh\";\n", 'agent/zz.c line 1'],
	['once', 'a second fork', 'agent/zz.c', "p = fork();\n",
		'agent/zz.c line 1'],
	['once', 'strcmp of a token', 'daemon/zz.c',
		"if (strcmp(token, other) == 0) {\n", 'daemon/zz.c line 1'],
	['once', 'goto out', 'daemon/zz.c', "goto out;\n", 'daemon/zz.c line 1'],
	['once', 'a // comment', 'daemon/zz.c', "int x; // y\n", 'daemon/zz.c line'],
	['once', 'a TO' . 'DO', 'daemon/zz.c', '/* TO' . "DO */\n", 'daemon/zz.c'],
	['once', 'an inline style', 'web/zz.html', "<p style=\"x\">\n", 'zz.html'],
	['once', 'an inline script', 'web/zz.html', "<script>x\n", 'zz.html'],
	['once', 'an inline handler', 'web/zz.html', "<p onclick=x>\n", 'zz.html'],
	['once', 'a path of a machine', 'docs/zz.md', "see /home/" . "me/x\n",
		'docs/zz.md line 1'],
	['once', 'a blank at the end', 'docs/zz.md', "x \n", 'docs/zz.md line 1'],
	(map { ['once', "$_()", 'daemon/zz.c', "    $_(x);\n", 'daemon/zz.c line 1'] }
		qw(system popen strcpy strcat sprintf atoi gets getenv
		redisReconnect)),
	(map { ['once', $_, 'web/zz.js', "x.$_ = y;\n", 'web/zz.js line 1'] }
		qw(innerHTML outerHTML insertAdjacentHTML
		dangerouslySetInnerHTML document.write)),
	['once', 'eval', 'web/zz.js', "eval(x);\n", 'web/zz.js line 1'],

	['size', 'a long function', 'shared/zz.c',
		"{\n" . "    x();\n" x 81 . "}\n", 'a function of 81 lines'],
	['size', 'a long function of a page', 'web/zz.js',
		"export function zz() {\n" . "  x();\n" x 81 . "}\n",
		'a function of 81 lines'],
	['size', 'a long function of a test', 't/zz.t',
		"sub zz {\n" . "  x();\n" x 81 . "}\n", 'a function of 81 lines'],
	['size', 'a long file', 'shared/zz.c', "\n" x 701, '701 lines'],
	['size', 'a long README', 'README.md', "\n" x 120, 'at most 119'],

	['shell', 'a finding of shellcheck', 'auto/zz',
		"#!/bin/sh\ncd \"\$1\"\nx=\$(ls \$y\n", 'auto/zz'],
	['man', 'a warning of mandoc', 'docs/man/zz.8',
		".Dd x\n.Dt ZZ 8\n.Os\n.Sh NAM\n", 'zz.8'],
	['docs', 'a link that leads nowhere', 'docs/zz.md',
		"[x](nowhere.md)\n", 'nowhere.md leads nowhere'],
	['docs', 'a link to no heading', 'docs/zz.md',
		"[x](architecture.md#nothing-like-that)\n", 'no such heading'],
	['conf', 'an unknown placeholder', 'conf/zz.conf',
		"listen \@NEVER_HEARD_OF\@;\n", 'NEVER_HEARD_OF'],

	['table', 'a setting without a sentence', 'shared/mp_settings.def',
		"MP_SETTING(antispam, zz, SCORE, \"1\", 0, 999, \"Zz\", \"\")\n",
		'antispam.zz'],
	['table', 'a default out of range', 'shared/mp_settings.def',
		"MP_SETTING(antispam, zz, SCORE, \"-1\", 0, 999, \"Zz\", \"A b.\")\n",
		'out of range'],
	['table', 'a key without a writer', 'shared/mp_keys.def',
		"MP_KEY(ZZ, SET, \"mp:zz\", 0, \"\", \"A set.\")\n", 'ZZ: writer'],
	['table', 'two errors of one name', 'shared/mp_errors.def',
		"MP_ERROR(ZZ, \"ok\", 200, 0, \"Zz\")\n", 'ok is there twice'],
	['table', 'an action that nobody does', 'shared/mp_actions.def',
		"MP_ACTION(ZZ, \"zz\", \"web\", \"none\", \"Zz\", \"A b.\")\n",
		'ZZ: executor'],
);

sub run_lint {
	my ($lint) = @_;

	my $pid = open my $fh, '-|';
	die "fork: $!\n" unless defined $pid;
	if (!$pid) {
		chdir $copy or die "$copy: $!\n";
		open STDERR, '>&', \*STDOUT;
		$ENV{MP_BUILD} = $build;
		$ENV{CI} = 1;
		exec $^X, "t/lint/$lint.t";
		exit 127;
	}
	my $out = do { local $/; <$fh> } // '';
	close $fh;
	return ($?, $out);
}

my %before;

for my $row (@rows) {
	my ($lint, $rule, $file, $text, $says) = @$row;
	my $path = "$copy/$file";
	my $old = -e $path ? slurp($path) : undef;

	$before{$lint} //= (run_lint($lint))[1];
	write_file($path, ($old // '') . $text);
	my ($status, $out) = run_lint($lint);
	defined $old ? write_file($path, $old) : unlink $path;

	ok($status && index($out, $says) >= 0
		&& ($before{$lint} ne $out), "$lint.t finds: $rule")
		or diag($out =~ s/^ok.*\n//mgr);
}

# what a history shows needs a history

sub git {
	return system('git', '-C', "$copy", '-c', 'user.name=t',
		'-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false',
		@_) == 0;
}

my @messages = (
	["Shared: do it\n\nBecause.\n", undef],
	["do it\n\nBecause.\n", 'has no known area'],
	["Shared: Do it\n\nBecause.\n", 'begins with a capital'],
	["Shared: do it.\n\nBecause.\n", 'full stop'],
	["Shared: do " . 'x' x 70 . "\n\nBecause.\n", 'subject is over 72'],
	["Shared: do it\n\nBecause " . 'of x ' x 20 . "\n", 'over 72 columns: B'],
);

my $first = 0;

ok(git(qw(init -q)), 'a history begins');

for my $message (@messages) {
	my ($text, $says) = @$message;
	write_file("$copy/.git/message", $text);
	git(qw(commit -q --allow-empty --cleanup=verbatim),
		($first++ ? '--amend' : ()), '-F', "$copy/.git/message");
	my ($status, $out) = run_lint('commits');
	defined $says
		? ok($status && index($out, $says) >= 0,
			"commits.t finds: $says")
		: is($status, 0, 'commits.t is content with a good one');
}

done_testing();
