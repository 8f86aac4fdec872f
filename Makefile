# GNU make, one file, no recursion; all output is in build/.
#
# SANITIZE=1 builds everything of ours with ASan and UBSan in build/sanitize.

-include build/config.mk

B = build$(if $(SANITIZE),/sanitize)

SAN = $(if $(SANITIZE),-fsanitize=address$(comma)undefined \
      -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
comma = ,

VERSION = $(shell cat VERSION)

WARN    = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
          -Wmissing-prototypes -Wformat=2 -Wvla -Wimplicit-fallthrough $(WERROR)
HARDEN  = -fstack-protector-strong -fstack-clash-protection \
          $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
LINK    = -Wl,-z,relro,-z,now,-z,noexecstack
MPFLAGS = -std=c11 -D_GNU_SOURCE -DMP_VERSION='"$(VERSION)"' -Ishared $(WARN) \
          $(HARDEN) -fPIC -fvisibility=hidden -MMD -MP $(CFLAGS) $(SAN)

SHARED = $(filter-out shared/mp_schema.c,$(wildcard shared/*.c))
DAEMON = $(wildcard daemon/*.c)
MILTER = $(wildcard milter/*.c)
CTL    = $(wildcard agent/ctl_*.c)
AGENT  = $(wildcard agent/mpa_*.c)
NGINX  = $(wildcard ngx_mailportal_module/*.c)
WORKER = $(wildcard $(addprefix dovecot-plugin/,worker*.c common*.c))
LANE   = $(wildcard $(addprefix dovecot-plugin/,lane*.c action*.c common*.c \
         compat*.c))
DOVEADM = $(wildcard $(addprefix dovecot-plugin/,doveadm*.c action*.c \
         common*.c compat*.c))
UNIT   = $(patsubst t/unit/%.c,$(B)/t/%.t,$(wildcard t/unit/*.c))
BENCH  = $(patsubst t/bench/%.c,$(B)/bench/%,$(wildcard t/bench/*.c))
FUZZ   = $(patsubst t/fuzz/%.c,$(B)/fuzz/%,$(wildcard t/fuzz/fuzz_*.c))

LIBMP   = $(B)/libmp.a
LIBDMN  = $(B)/libmpdaemon.a
MODULE  = $(B)/ngx_http_mailportal_module.so
PROGRAMS = $(B)/mailportal-milter $(B)/mailportal-agent $(B)/mailportal-ctl
DOVECOT = $(B)/mailportal-worker $(B)/mailportal-lane \
          $(B)/lib20_doveadm_mailportal_plugin.so

MPLIBS  = -lhiredis -ljansson -lsodium -lidn2 -lm


all: $(MODULE) $(PROGRAMS) $(DOVECOT) $(B)/mp_schema web

help:
	@sed -n 's/^# target: //p' Makefile

# target: all       everything: modules, milter, worker, ctl, web pages
# target: check     every test (SANITIZE=1: with ASan and UBSan)
# target: lint      only the lints
# target: unit      only the unit tests
# target: fuzz      each fuzz target for FUZZ_SECONDS (20)
# target: bench     all measurements; raw numbers in build/bench.json
# target: docs      the generated reference tables in docs/
# target: install   into PREFIX, below DESTDIR
# target: uninstall what install put there
# target: clean     what make made
# target: distclean the whole of build/

build/config.mk:
	@echo "run ./configure first" >&2; exit 1


# shared and daemon

$(B)/%.o: %.c build/config.mk VERSION
	@mkdir -p $(@D)
	$(CC) $(MPFLAGS) -Idaemon -c -o $@ $<

$(LIBMP): $(SHARED:%.c=$(B)/%.o)
	@rm -f $@
	$(AR) rcs $@ $^

$(LIBDMN): $(DAEMON:%.c=$(B)/%.o)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/mp_schema: $(B)/shared/mp_schema.o $(LIBMP)
	$(CC) $(MPFLAGS) -o $@ $^ $(LDFLAGS) $(LINK) $(MPLIBS)


# programs

$(B)/mailportal-milter: $(MILTER:%.c=$(B)/%.o) $(LIBDMN) $(LIBMP)
	$(CC) $(MPFLAGS) -pie -o $@ $^ $(LDFLAGS) $(LINK) -lmilter -lcurl \
	    $(MPLIBS) -lpthread

$(B)/mailportal-agent: $(AGENT:%.c=$(B)/%.o) $(LIBDMN) $(LIBMP)
	$(CC) $(MPFLAGS) -pie -o $@ $^ $(LDFLAGS) $(LINK) -larchive -lcurl \
	    -lresolv $(MPLIBS) -lpthread

$(B)/mailportal-ctl: $(CTL:%.c=$(B)/%.o) $(LIBDMN) $(LIBMP)
	$(CC) $(MPFLAGS) -pie -o $@ $^ $(LDFLAGS) $(LINK) $(MPLIBS)


# the nginx module; hiredis is linked statically and hidden, because nginx opens
# modules RTLD_GLOBAL and other modules bring their own hiredis (jansson's
# archive is not PIC, and its shared symbols have versions)

NGXFLAGS = -std=gnu11 -D_GNU_SOURCE -DMP_VERSION='"$(VERSION)"' -W -Wall \
           -Wpointer-arith -Wno-unused-parameter $(WERROR) -fPIC \
           -fvisibility=hidden -MMD -MP $(HARDEN) $(CFLAGS) $(SAN)
NGXINC   = $(addprefix -I$(NGINX_SRC)/src/,core event event/modules os/unix \
           http http/modules http/v2) -Ibuild/ngx -Ishared

$(B)/ngx_mailportal_module/%.o: ngx_mailportal_module/%.c build/config.mk VERSION
	@mkdir -p $(@D)
	$(CC) $(NGXFLAGS) $(NGXINC) -c -o $@ $<

$(MODULE): $(NGINX:%.c=$(B)/%.o) $(LIBMP) ngx_mailportal_module/export.map
	$(CC) $(NGXFLAGS) -shared -o $@ $(NGINX:%.c=$(B)/%.o) $(LIBMP) \
	    $(LDFLAGS) $(LINK) -Wl,--version-script=ngx_mailportal_module/export.map \
	    -l:libhiredis.a -ljansson -lsodium -lidn2 -lm


# the Dovecot plugin: two programs that Dovecot's master starts, and a module
# of doveadm; no symbol of a mail plugin is linked, for not all are loaded

DVFLAGS = -std=gnu11 -D_GNU_SOURCE -DHAVE_CONFIG_H \
          -DMP_VERSION='"$(VERSION)"' -W -Wall -Wstrict-prototypes \
          -Wmissing-prototypes $(WERROR) -fPIC -MMD -MP $(HARDEN) $(CFLAGS) \
          $(SAN)
DVINC   = -isystem $(DOVECOT_INC) -isystem $(DOVECOT_INC)/sieve -Ishared
DVLINK  = -L$(DOVECOT_LIB) -Wl,-rpath,$(DOVECOT_LIB) $(LDFLAGS) $(LINK)

$(B)/dovecot-plugin/%.o: dovecot-plugin/%.c build/config.mk VERSION
	@mkdir -p $(@D)
	$(CC) $(DVFLAGS) $(DVINC) -c -o $@ $<

$(B)/mailportal-worker: $(WORKER:%.c=$(B)/%.o) $(LIBMP)
	$(CC) $(DVFLAGS) -pie -o $@ $^ $(DVLINK) -ldovecot $(MPLIBS)

$(B)/mailportal-lane: $(LANE:%.c=$(B)/%.o) $(LIBMP)
	$(CC) $(DVFLAGS) -pie -o $@ $^ $(DVLINK) \
	    -ldovecot-sieve -ldovecot-storage -ldovecot

$(B)/lib20_doveadm_mailportal_plugin.so: $(DOVEADM:%.c=$(B)/%.o) $(LIBMP) \
    dovecot-plugin/export.map
	$(CC) $(DVFLAGS) -shared -o $@ $(DOVEADM:%.c=$(B)/%.o) $(LIBMP) \
	    $(DVLINK) -Wl,--version-script=dovecot-plugin/export.map \
	    -ldovecot-sieve


# the pages: our modules as they are, libraries from npm by lock file

WEB = $(shell find web -path web/node_modules -prune -o -type f -print)

web: $(B)/web/.done

$(B)/web/.done: $(WEB)
	auto/web $(B)/web
	@touch $@

# tests

unit: $(UNIT)
	prove $(PROVEFLAGS) $(UNIT)

$(B)/t/%.t: t/unit/%.c $(LIBDMN) $(LIBMP)
	@mkdir -p $(@D)
	$(CC) $(MPFLAGS) -Idaemon -Imilter -o $@ $(filter %.c %.a,$^) \
	    $(LDFLAGS) $(MPLIBS) -lcmocka

# pure files of the Dovecot plugin
LOGLINE = dovecot-plugin/worker-log-line.c
$(B)/t/worker_log_line.t: $(LOGLINE)
$(B)/fuzz/fuzz_login_line: $(LOGLINE)
$(B)/t/worker_log_line.t: MPFLAGS += -Idovecot-plugin
$(B)/fuzz/fuzz_login_line: FUZZINC = -Idovecot-plugin

# the helper's door, without what is behind it
$(B)/fuzz/fuzz_helper: agent/mpa_helper_root.c agent/mpa_ops.def
$(B)/fuzz/fuzz_helper: FUZZINC = -Iagent -Idaemon

# the trace without Redis, and the lines of Dovecot's lanes
$(B)/fuzz/fuzz_trace: agent/mpa_trace.c agent/mpa_trace_line.c \
    daemon/mp_clock.c
$(B)/fuzz/fuzz_trace: FUZZINC = -Iagent -Idaemon
$(B)/fuzz/fuzz_lane: dovecot-plugin/common-wire.c dovecot-plugin/common-action.c
$(B)/fuzz/fuzz_lane: FUZZINC = -Idovecot-plugin -std=gnu11 -DHAVE_CONFIG_H \
    $(DVINC) -L$(DOVECOT_LIB) -Wl,-rpath,$(DOVECOT_LIB) -ldovecot

# what an agent is made of, without its main()
$(B)/t/mpa_%.t: t/unit/mpa_%.c $(patsubst %.c,$(B)/%.o,$(filter-out \
    agent/mpa_main.c,$(AGENT))) $(LIBDMN) $(LIBMP)
	@mkdir -p $(@D)
	$(CC) $(MPFLAGS) -Idaemon -Iagent -o $@ $(filter %.c %.o %.a,$^) \
	    $(LDFLAGS) -larchive -lcurl -lresolv $(MPLIBS) -lpthread -lcmocka

lint:
	prove $(PROVEFLAGS) t/lint

check: all $(UNIT)
	MP_BUILD=$(B) t/run $(if $(SANITIZE),--sanitize)

fuzz: $(FUZZ)
	t/fuzz/run $(FUZZ)

$(B)/fuzz/%: t/fuzz/%.c $(SHARED) $(wildcard shared/*.h shared/*.def)
	@mkdir -p $(@D)
	clang-14 -std=c11 -D_GNU_SOURCE -DMP_VERSION='"$(VERSION)"' -Ishared \
	    $(FUZZINC) -O1 -g -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined -o $@ $(filter %.c,$^) $(MPLIBS)

bench: all $(BENCH)
	MP_BUILD=$(B) t/bench/run

$(B)/bench/%: t/bench/%.c $(LIBDMN) $(LIBMP)
	@mkdir -p $(@D)
	$(CC) $(MPFLAGS) -Idaemon -o $@ $(filter %.c %.a,$^) $(LDFLAGS) \
	    -lmilter $(MPLIBS)

docs: $(B)/mp_schema
	auto/docs $(B)/mp_schema

install: all
	DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) NGINX_MODULES=$(NGINX_MODULES) \
	    DOVECOT_LIB=$(DOVECOT_LIB) auto/install $(B)

uninstall:
	DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) NGINX_MODULES=$(NGINX_MODULES) \
	    DOVECOT_LIB=$(DOVECOT_LIB) auto/install --remove

clean:
	rm -rf build/sanitize build/shared build/daemon build/milter build/agent \
	    build/ngx_mailportal_module build/dovecot-plugin build/t build/fuzz \
	    build/bench build/web build/*.a build/*.so build/mailportal-* build/mp_schema

distclean:
	rm -rf build

# not all of build/: quickstart's servers live there too, and rspamd has a local.d
-include $(shell find $(addprefix $(B)/,shared daemon milter agent \
    ngx_mailportal_module dovecot-plugin t fuzz bench) -name '*.d' -type f 2>/dev/null)

.PHONY: all help unit lint check fuzz bench docs install uninstall clean \
    distclean web
.DELETE_ON_ERROR:
