#!/usr/bin/perl

# What stands in one place only, and what stands nowhere.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;

my $c = qr!^(shared|daemon|ngx_mailportal_module|dovecot-plugin|milter|agent)
	/.*\.([ch]|def)$!x;
my $all_c = qr!$c|^t/(unit|fuzz|bench)/.*\.[ch]$!;
my $web = qr!^web/.*\.(js|html)$!;

# name, files, exceptions, what is looked at, pattern.  "code" is C without
# comments and strings, "strings" with strings, "text" all.
my @rules = (
	['a key of Redis is written only in mp_keys.def',
		$c, qr!^shared/mp_keys\.def$!, 'strings', qr/"mp:/],
	['JSON is serialised only where the house says',
		$c, qr!^(ngx_mailportal_module/ngx_http_mailportal_reply\.c
			|shared/mp_\w+\.c|agent/ctl_\w+\.c|agent/mpa_trace\.c)$!x, 'code', qr/\bjson_dump\w*\s*\(/],
	['the milter answers only in mpm_answer.c',
		$c, qr!^milter/mpm_answer\.c$!, 'code',
		qr/\bsmfi_setm?l?reply\s*\(/],
	['only compat files ask for the version of Dovecot',
		qr!^dovecot-plugin/.*\.[ch]$!,
		qr!^dovecot-plugin/(compat[\w.-]*|common-version)\.[ch]$!, 'code',
		qr/\b(DOVECOT|PIGEONHOLE)_(VERSION|PREREQ)\w*/],
	['no banned function is called',
		$all_c, qr!^dovecot-plugin/common-version\.c$!, 'code',
		qr/(?<![\w>.])(system|popen|strcpy|strcat|sprintf|vsprintf|atoi|
			atol|atoll|atof|gets|getenv|secure_getenv|strtok|tmpnam|
			mktemp|redisReconnect|redisAsyncConnectWithCallback|
			alloca|setjmp|longjmp)\s*\(/x],
	['a program is executed only by mpa_spawn(), and by no shell',
		$c, qr!^agent/mpa_spawn\.c$!, 'code',
		qr/\b(posix_spawnp?|exec(l|lp|le|v|vp|ve|vpe)|fexecve)\s*\(/],
	['no shell is named', $c, undef, 'strings', qr!"([^"]*/)?(ba|da)?sh"!],
	['a process is forked only where the helper is',
		$c, qr!^agent/mpa_helper\.c$!, 'code', qr/\bv?fork\s*\(/],
	['a command of Redis has a literal for its format',
		$c, undef, 'strings',
		qr/\bredis(Async|Append|Format|vFormat)?Command\s*\(
			\s*(\w[\w>.-]*\s*,\s*)*(?!")[^"]*\)\s*;/x],
	['nothing secret is compared byte by byte until it differs',
		$c, undef, 'code',
		qr/\b(ngx_)?(strn?(case)?cmp|memcmp)\s*\(
			[^;]*(token|passw(or)?d|secret|mac|digest)\s*[,)]/xi],
	['goto goes nowhere but to done',
		$all_c, undef, 'code', qr/\bgoto\s+(?!done\s*;)/],
	['no comment begins with two slashes',
		$all_c, undef, 'strings', qr!(^|[\s;{}])//!],
	['there is no TODO',
		qr!$all_c|\.(pm|t|js|css|sh|html)$|^auto/|^configure$|^Makefile$!,
		qr!^t/lint/!, 'text', qr/\b(TODO|FIXME|XXX|HACK)\b/],
	['the pages make no markup out of text',
		$web, undef, 'text',
		qr/\b(innerHTML|outerHTML|insertAdjacentHTML|
			dangerouslySetInnerHTML|document\.write(ln)?|
			createContextualFragment|srcdoc)\b|\beval\s*\(|
			\bnew\s+Function\b|\bset(Timeout|Interval)\s*\(\s*['"`]/x],
	['the pages have no inline script or style',
		qr!^web/.*\.html$!, undef, 'text',
		qr/<style\b|\sstyle\s*=|\son[a-z]+\s*=|
			<script\b(?![^>]*\bsrc\s*=)|javascript:/xi],
	['no path of somebody\'s machine is in the tree',
		qr/./, qr!^t/lint/|\.png$|\.woff2?$|package-lock\.json$!, 'text',
		qr{(?<![\w.:\}\@/-])/(work|home|Users|root)/[\w.]+/}],
	['no blank ends a line',
		qr!\.(c|h|def|md|pm|t|js|css|html|pl|conf|acl|lua|sieve)$
			|^auto/|^configure$|^quickstart$|^Makefile$!x,
		undef, 'text', qr/[ \t]$/],
);


sub view {
	my ($file, $how) = @_;
	my $text = slurp($file);

	return $text if $how eq 'text' || $file !~ /\.([ch]|def)$/;

	# a comment of two slashes is looked for before comments go
	$text =~ s!/\*.*?\*/!$& =~ s/[^\n]/ /gr!ges if $how eq 'strings';
	$text =~ s!"(?:\\.|[^"\\\n])*//!"!g if $how eq 'strings';
	$text = without_strings(without_comments($text)) if $how eq 'code';

	return $text;
}

for my $rule (@rules) {
	my ($name, $files, $except, $how, $re) = @$rule;
	my @bad;

	for my $file (sources($files)) {
		next if defined $except && $file =~ $except;
		next if -B $file && -s $file;
		push @bad, map { "$file $_" } scan(view($file, $how), $re, 'has');
	}

	clean($name, @bad);
}

done_testing();
