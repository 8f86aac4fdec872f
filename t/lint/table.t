#!/usr/bin/perl

# The four tables: each row is whole, documented, and in the reference that
# is printed from it.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;

# The rows of a table: [macro, arguments...], adjacent strings joined.

sub rows {
	my ($file) = @_;
	my $text = without_comments(slurp($file));
	my @rows;

	while ($text =~ /\b(MP_\w+)\(((?:"(?:\\.|[^"\\])*"|[^"()])*)\)/g) {
		my ($macro, $args) = ($1, $2);
		$args =~ s/"\s*\n\s*"//g;
		push @rows, [$macro, map { s/^\s+|\s+$//gr =~ s/^"(.*)"$/$1/sr }
			$args =~ /((?:"(?:\\.|[^"\\])*"|[^",])+)/g];
	}

	return @rows;
}

sub sentence {
	my ($what, $text) = @_;

	return if ($text // '') =~ /^\S+ [^\n]*\.$/;
	return "$what: \"" . ($text // '') . '" is no sentence';
}

sub label {
	my ($what, $text) = @_;

	return if ($text // '') =~ /^[A-Z].*[^.]$/;
	return "$what: \"" . ($text // '') . '" is no label';
}

sub unique {
	my %seen;

	return map { "$_ is there twice" } grep { $seen{$_}++ } @_;
}

sub documented {
	my ($file, @names) = @_;
	my $text = -e $file ? slurp($file) : '';

	clean("every row is in $file",
		grep { $text !~ /(?<![\w.-])\Q$_\E(?![\w-])/ } @names);
}

# A group is a section, and a setting a row of its table.

sub documented_settings {
	my ($file, @names) = ('docs/settings.md', @_);
	my %section;

	for my $part (split /^## /m, -e $file ? slurp($file) : '') {
		my ($group) = $part =~ /^`(\w+)`/m or next;
		$section{"$group.$_"} = 1 for $part =~ /^\| `(\w+)` \|/mg;
	}

	clean("every row is in $file", grep { !$section{$_} } @names);
}

sub settings {
	my @rows = rows('shared/mp_settings.def');
	my %of;
	my (@bad, %group, %setting);

	push @{ $of{ $_->[0] } }, $_ for @rows;

	for my $row (@rows) {
		my ($macro, @arg) = @$row;

		if ($macro eq 'MP_GROUP') {
			$group{$arg[0]} = 1;
			push @bad, 'arguments of ' . $arg[0] if @arg != 4;
			push @bad, label($arg[0], $arg[2]),
				sentence($arg[0], $arg[3]);

		} elsif ($macro eq 'MP_SETTING') {
			my $name = "$arg[0].$arg[1]";
			$setting{$name} = [@arg];
			push @bad, "arguments of $name" if @arg != 8;
			push @bad, "$name: its group comes later"
				unless $group{$arg[0]};
			push @bad, label($name, $arg[6]),
				sentence($name, $arg[7]);
			push @bad, "$name: the default is out of range"
				if $arg[2] =~ /^(SCORE|DAYS|PORT|COUNT)$/
				&& $arg[3] ne ''
				&& !($arg[3] >= $arg[4] && $arg[3] <= $arg[5]);

		} elsif ($macro eq 'MP_CHOICES') {
			my ($group, $id, @choices) = @arg;
			my $row = $setting{"$group.$id"} or next;
			push @bad, "$group.$id: the default is no choice"
				unless grep { $_ eq $row->[3] } @choices;

		} elsif ($macro eq 'MP_ORDER') {
			push @bad, map { "$_ is no setting of antispam" }
				grep { !$setting{"antispam.$_"} } @arg;
		}
	}

	for my $name (sort keys %setting) {
		next unless $setting{$name}[2] eq 'CHOICE';
		push @bad, "$name has no choices"
			unless grep { "$_->[1].$_->[2]" eq $name }
			@{ $of{MP_CHOICES} };
	}

	push @bad, unique(map { "$_->[1].$_->[2]" } @{ $of{MP_SETTING} });
	clean('every setting is whole and explained', @bad);
	cmp_ok(scalar keys %setting, '>', 10, 'the settings were found');
	documented_settings(sort keys %setting);
}

sub redis_keys {
	my @rows = rows('shared/mp_keys.def');
	my @bad;

	for my $row (@rows) {
		my (undef, $id, $type, $pattern, $ttl, $writer, $doc) = @$row;
		push @bad, "arguments of $id" if @$row != 7;
		push @bad, "$id: type $type"
			unless $type =~ /^(STREAM|SET|ZSET|HASH|STRING|LIST)$/;
		push @bad, "$id: pattern $pattern"
			unless $pattern =~ /^mp:(\{\w+\}|\w+)(:[\w]+)*(:%)?$/;
		push @bad, "$id: seconds to live $ttl" unless $ttl =~ /^\d+$/;
		push @bad, "$id: writer $writer" unless $writer
			=~ /^(nginx|milter|dovecot|agent|ops|component)$/;
		push @bad, sentence($id, $doc);
	}

	push @bad, unique(map { $_->[3] } @rows), unique(map { $_->[1] } @rows);
	clean('every key is whole, explained and has one writer', @bad);
	cmp_ok(scalar @rows, '>', 10, 'the keys were found');
	documented('docs/redis.md', map { $_->[3] } @rows);
}

sub errors {
	my @rows = rows('shared/mp_errors.def');
	my @bad;

	for my $row (@rows) {
		my (undef, $id, $name, $http, $exit, $title) = @$row;
		push @bad, "arguments of $id" if @$row != 6;
		push @bad, "$id: name $name" unless $name =~ /^[a-z]+(-[a-z]+)*$/;
		push @bad, "$id: status $http" unless $http =~ /^[245]\d\d$/;
		push @bad, "$id: exit code $exit"
			unless $exit =~ /^\d+$/ && ($exit == 0 || $exit > 63)
			&& $exit < 79;
		push @bad, label($id, $title);
	}

	push @bad, unique(map { $_->[2] } @rows);
	clean('every error is whole and has a title', @bad);
	cmp_ok(scalar @rows, '>', 10, 'the errors were found');
	documented('docs/errors.md', map { $_->[2] } @rows);
}

sub actions {
	my @rows = rows('shared/mp_actions.def');
	my @bad;

	for my $row (@rows) {
		my (undef, $id, $name, $executor, $targets, $label, $doc) = @$row;
		push @bad, "arguments of $id" if @$row != 7;
		push @bad, "$id: name $name" unless $name =~ /^[a-z]+(-[a-z]+)*$/;
		push @bad, "$id: executor $executor"
			unless $executor =~ /^(dovecot|agent)$/;
		push @bad, "$id: targets $targets"
			unless $targets =~ /^(users|user|address|none)$/;
		push @bad, label($id, $label), sentence($id, $doc);
	}

	push @bad, unique(map { $_->[2] } @rows);
	clean('every action is whole and explained', @bad);
	cmp_ok(scalar @rows, '>', 5, 'the actions were found');
	documented('docs/actions.md', map { $_->[2] } @rows);
}

settings();
redis_keys();
errors();
actions();

done_testing();
