/*
 * The filter that ours is measured against: libmilter, the same negotiation,
 * and callbacks that do nothing.
 *
 * What is negotiated is given in hexadecimal, as milter_load shows it for
 * ours, so that the two can never differ.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

static unsigned long wanted_protocol;
static unsigned long wanted_actions;


/* libmilter sends what a callback returns, awaited or not. */
static sfsistat
quiet(unsigned long flag)
{
    return (wanted_protocol & flag) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}


static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1,
             unsigned long f2, unsigned long f3, unsigned long *f0_r,
             unsigned long *f1_r, unsigned long *f2_r, unsigned long *f3_r)
{
    (void) ctx;
    (void) f2;
    (void) f3;

    *f0_r = f0 & wanted_actions;
    wanted_protocol &= f1;
    *f1_r = wanted_protocol;
    *f2_r = 0;
    *f3_r = 0;

    return SMFIS_CONTINUE;
}


static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    (void) ctx;
    (void) host;
    (void) address;

    return quiet(SMFIP_NR_CONN);
}


static sfsistat
on_text(SMFICTX *ctx, char *text)
{
    (void) ctx;
    (void) text;

    return quiet(SMFIP_NR_HELO);
}


static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
    (void) ctx;
    (void) argv;

    return quiet(SMFIP_NR_MAIL);
}


static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
    (void) ctx;
    (void) argv;

    return quiet(SMFIP_NR_RCPT);
}


static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
    (void) ctx;
    (void) name;
    (void) value;

    return quiet(SMFIP_NR_HDR);
}


static sfsistat
on_body(SMFICTX *ctx, unsigned char *bytes, size_t len)
{
    (void) ctx;
    (void) bytes;
    (void) len;

    return quiet(SMFIP_NR_BODY);
}


static sfsistat
on_data(SMFICTX *ctx)
{
    (void) ctx;

    return quiet(SMFIP_NR_DATA);
}


static sfsistat
on_eoh(SMFICTX *ctx)
{
    (void) ctx;

    return quiet(SMFIP_NR_EOH);
}


static sfsistat
on_event(SMFICTX *ctx)
{
    (void) ctx;

    return SMFIS_CONTINUE;
}


int
main(int argc, char **argv)
{
    char name[] = "milter_noop";
    char socket[256];
    struct smfiDesc filter = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_text,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_header = on_header,
        .xxfi_eoh = on_eoh,
        .xxfi_body = on_body,
        .xxfi_eom = on_event,
        .xxfi_abort = on_event,
        .xxfi_close = on_event,
        .xxfi_data = on_data,
        .xxfi_negotiate = on_negotiate,
    };

    if (argc != 4) {
        (void) fprintf(stderr, "usage: milter_noop socket actions protocol\n");
        return 2;
    }

    wanted_actions = strtoul(argv[2], NULL, 16);
    wanted_protocol = strtoul(argv[3], NULL, 16);
    filter.xxfi_flags = wanted_actions;
    (void) snprintf(socket, sizeof(socket), "unix:%s", argv[1]);

    if (smfi_setconn(socket) != MI_SUCCESS
        || smfi_register(filter) != MI_SUCCESS
        || smfi_opensocket(1) != MI_SUCCESS)
    {
        (void) fprintf(stderr, "milter_noop: %s: %s\n", socket,
                       strerror(errno));
        return 1;
    }

    return smfi_main() == MI_SUCCESS ? 0 : 1;
}
