/* What libmilter calls: each finds its session and hands on. */

#include "mpm_milter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <libmilter/mfapi.h>

#include "mpm_answer.h"
#include "mpm_judge.h"
#include "mpm_session.h"

/* libmilter gives its callbacks no pointer of ours */
static struct mpm_milter *mpm_milter;

/* What each source of scores does not need to be sent. */
static const unsigned long mpm_not_needed[] = {
    [MPM_SOURCE_RSPAMD] = 0,
    [MPM_SOURCE_SPAMD] = 0,
    [MPM_SOURCE_HEADER] = SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOBODY,
    [MPM_SOURCE_NONE] =
        SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NORCPT | SMFIP_NOBODY,
};

/* Nobody needs these, or nobody waits for our answer to them. */
#define MPM_NEVER                                                             \
    (SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOUNKNOWN | SMFIP_NR_CONN             \
     | SMFIP_NR_HELO | SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_SKIP              \
     | SMFIP_HDR_LEADSPC)

#define MPM_ACTIONS (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_SETSYMLIST)


/*
 * The session, made when it is asked for first: callbacks come in any order
 * from a client that is none.  NULL without memory.
 */
static struct mpm_session *
mpm_session_get(SMFICTX *ctx)
{
    struct mpm_session *session = smfi_getpriv(ctx);

    if (session == NULL) {
        session = mpm_session_new();

        if (session != NULL && smfi_setpriv(ctx, session) != MI_SUCCESS) {
            mpm_session_free(session);
            session = NULL;
        }
    }

    return session;
}


/* What to return where no answer is waited for, if the MTA agreed to that. */
static sfsistat
mpm_quiet(const struct mpm_session *session, unsigned long flag)
{
    return session != NULL && (session->protocol & flag) != 0 ? SMFIS_NOREPLY
                                                              : SMFIS_CONTINUE;
}


static bool
mpm_ask_macros(SMFICTX *ctx)
{
    char mail[] = "{mail_addr} {auth_authen} {client_addr} {client_name} "
                  "{daemon_name}";
    char end[] = "i";

    return smfi_setsymlist(ctx, SMFIM_ENVFROM, mail) == MI_SUCCESS
        && smfi_setsymlist(ctx, SMFIM_EOM, end) == MI_SUCCESS;
}


static sfsistat
mpm_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long protocol,
              unsigned long f2, unsigned long f3, unsigned long *actions_r,
              unsigned long *protocol_r, unsigned long *f2_r,
              unsigned long *f3_r)
{
    struct mpm_session *session = mpm_session_get(ctx);
    unsigned long want = MPM_NEVER | mpm_not_needed[mpm_milter->config.source];

    (void) f2;
    (void) f3;

    if (session == NULL) {
        return SMFIS_REJECT;
    }

    /* without our macros the address of the client comes with CONNECT only */
    if ((actions & SMFIF_SETSYMLIST) == 0 || !mpm_ask_macros(ctx)) {
        want &= ~(unsigned long) SMFIP_NOCONNECT;
    }

    session->protocol = protocol & want;

    *actions_r = actions & MPM_ACTIONS;
    *protocol_r = session->protocol;
    *f2_r = 0;
    *f3_r = 0;

    return SMFIS_CONTINUE;
}


static void
mpm_client_address(struct mpm_session *session, const struct sockaddr *address)
{
    const void *bytes = NULL;
    int family = AF_UNSPEC;

    session->client[0] = '\0';

    if (address != NULL && address->sa_family == AF_INET) {
        bytes =
            &((const struct sockaddr_in *) (const void *) address)->sin_addr;
        family = AF_INET;

    } else if (address != NULL && address->sa_family == AF_INET6) {
        bytes =
            &((const struct sockaddr_in6 *) (const void *) address)->sin6_addr;
        family = AF_INET6;
    }

    if (bytes != NULL) {
        (void) inet_ntop(family, bytes, session->client,
                         sizeof(session->client));
    }
}


static sfsistat
mpm_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    struct mpm_session *session = mpm_session_get(ctx);

    if (session != NULL) {
        (void) snprintf(session->host, sizeof(session->host), "%s",
                        host != NULL ? host : "");
        mpm_client_address(session, address);
    }

    return mpm_quiet(session, SMFIP_NR_CONN);
}


static sfsistat
mpm_helo(SMFICTX *ctx, char *helo)
{
    struct mpm_session *session = mpm_session_get(ctx);

    if (session != NULL) {
        (void) snprintf(session->helo, sizeof(session->helo), "%s",
                        helo != NULL ? helo : "");
    }

    return mpm_quiet(session, SMFIP_NR_HELO);
}


static sfsistat
mpm_envfrom(SMFICTX *ctx, char **argv)
{
    struct mpm_session *session = mpm_session_get(ctx);

    if (session == NULL) {
        return mpm_answer_trouble(ctx);
    }

    return mpm_judge_mail(mpm_milter, session, ctx,
                          argv != NULL && argv[0] != NULL ? argv[0] : "");
}


static sfsistat
mpm_envrcpt(SMFICTX *ctx, char **argv)
{
    struct mpm_session *session = smfi_getpriv(ctx);

    if (session != NULL && session->open && session->kind == MP_LIST_NONE
        && argv != NULL && argv[0] != NULL)
    {
        mpm_session_rcpt(session, argv[0]);
    }

    return mpm_quiet(session, SMFIP_NR_RCPT);
}


static sfsistat
mpm_header(SMFICTX *ctx, char *name, char *value)
{
    struct mpm_session *session = smfi_getpriv(ctx);

    if (session != NULL && session->open && name != NULL && value != NULL) {
        mpm_session_header(session, &mpm_milter->config, name, value);
    }

    return mpm_quiet(session, SMFIP_NR_HDR);
}


static sfsistat
mpm_body(SMFICTX *ctx, unsigned char *bytes, size_t len)
{
    struct mpm_session *session = smfi_getpriv(ctx);

    if (session != NULL && session->open
        && mpm_session_body(session, &mpm_milter->config, bytes, len))
    {
        return SMFIS_CONTINUE;
    }

    return session != NULL && (session->protocol & SMFIP_SKIP) != 0
             ? SMFIS_SKIP
             : SMFIS_CONTINUE;
}


static sfsistat
mpm_eom(SMFICTX *ctx)
{
    struct mpm_session *session = smfi_getpriv(ctx);
    sfsistat answer = SMFIS_CONTINUE;

    if (session != NULL && session->open) {
        answer = mpm_judge_end(mpm_milter, session, ctx);
        mpm_session_reset(session);
    }

    return answer;
}


static sfsistat
mpm_abort(SMFICTX *ctx)
{
    struct mpm_session *session = smfi_getpriv(ctx);

    if (session != NULL) {
        mpm_session_reset(session);
    }

    return SMFIS_CONTINUE;
}


static sfsistat
mpm_close(SMFICTX *ctx)
{
    mpm_session_free(smfi_getpriv(ctx));
    (void) smfi_setpriv(ctx, NULL);

    return SMFIS_CONTINUE;
}


bool
mpm_callbacks_register(struct mpm_milter *milter)
{
    static char name[] = "mailportal";
    struct smfiDesc description = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = MPM_ACTIONS,
        .xxfi_connect = mpm_connect,
        .xxfi_helo = mpm_helo,
        .xxfi_envfrom = mpm_envfrom,
        .xxfi_envrcpt = mpm_envrcpt,
        .xxfi_header = mpm_header,
        .xxfi_body = mpm_body,
        .xxfi_eom = mpm_eom,
        .xxfi_abort = mpm_abort,
        .xxfi_close = mpm_close,
        .xxfi_negotiate = mpm_negotiate,
    };

    mpm_milter = milter;

    return smfi_register(description) == MI_SUCCESS;
}
