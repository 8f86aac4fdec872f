#include "mpm_judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_address.h"
#include "mp_verdict.h"
#include "mpm_answer.h"
#include "mp_clock.h"
#include "mp_log.h"

/* bytes of a stranger's text in a line of the log */
#define MPM_LOGGED 320


/* A macro, which libmilter lends; NULL when the MTA did not send it. */
static const char *
mpm_macro(SMFICTX *ctx, const char *name)
{
    char text[32];

    /* the interface wants a text that it may change */
    (void) snprintf(text, sizeof(text), "%s", name);

    return smfi_getsymval(ctx, text);
}


static void
mpm_take_macro(char *text_r, size_t size, SMFICTX *ctx, const char *name)
{
    const char *value = mpm_macro(ctx, name);

    if (value != NULL) {
        (void) snprintf(text_r, size, "%s", value);
    }
}


static bool
mpm_is_trusted(const struct mpm_config *config, const char *client,
               SMFICTX *ctx)
{
    const char *login = mpm_macro(ctx, "{auth_authen}");
    const char *daemon = mpm_macro(ctx, "{daemon_name}");

    if (login != NULL && login[0] != '\0') {
        return true;
    }

    if (daemon != NULL && mpm_config_trusts_daemon(config, daemon)) {
        return true;
    }

    return mp_cidrs_have(&config->trusted, client);
}


/*
 * What the lists in force say.  The settings are kept to the end of the
 * message, so that it sees one version; the lists are asked here only.
 */
static struct mp_match
mpm_look_up(struct mpm_milter *milter, struct mpm_session *session,
            const struct mp_domain *domain)
{
    struct mpm_snapshot *now = mpm_current_hold(milter->current);
    struct mp_match match = { MP_LIST_NONE, 0 };

    if (now == NULL) {
        return match;
    }

    session->settings = mpm_settings_hold(now->settings);

    if (now->lists != NULL && domain->len > 0) {
        match =
            mp_list_find(now->lists->list, domain, mp_clock_msecs() / 1000);
    }

    mpm_snapshot_drop(now);

    return match;
}


static void
mpm_count_hit(struct mpm_milter *milter, const struct mp_match *match,
              const struct mp_domain *domain)
{
    mpm_stat_hit(milter->stat, match->kind, domain->text + match->start,
                 domain->len - match->start, mp_clock_msecs() / 1000);
}


sfsistat
mpm_judge_mail(struct mpm_milter *milter, struct mpm_session *session,
               SMFICTX *ctx, const char *raw)
{
    const char *mail_addr = mpm_macro(ctx, "{mail_addr}");
    const char *sender = mail_addr != NULL ? mail_addr : raw;
    struct mp_decision decision;
    struct mp_domain domain;
    struct mp_match match;

    mpm_session_reset(session);
    mpm_stat_count(milter->stat, MPM_COUNT_MESSAGES);
    mpm_take_macro(session->client, sizeof(session->client), ctx,
                   "{client_addr}");

    if (mpm_is_trusted(&milter->config, session->client, ctx)) {
        mpm_stat_count(milter->stat, MPM_COUNT_TRUSTED);
        return SMFIS_ACCEPT;
    }

    mp_address_domain(&domain, mail_addr,
                      mail_addr != NULL ? strlen(mail_addr) : 0, raw,
                      strlen(raw));
    match = mpm_look_up(milter, session, &domain);

    if (match.kind != MP_LIST_NONE) {
        mpm_count_hit(milter, &match, &domain);
    }

    if (!mp_verdict_needs_score(&decision, match.kind)
        && decision.verdict == MP_REJECT)
    {
        mpm_stat_count(milter->stat, MPM_COUNT_BLACKLIST);
        mp_log(MP_LOG_INFO, "MAIL from [%s] %.*s: %s by %s %s",
               session->client, MPM_LOGGED, sender,
               mp_verdict_name(decision.verdict), mp_rule_name(decision.rule),
               domain.text + match.start);
        mpm_session_reset(session);

        return mpm_answer_blocked(ctx, domain.text + match.start,
                                  domain.len - match.start);
    }

    session->open = true;
    session->kind = match.kind;
    (void) snprintf(session->entry, sizeof(session->entry), "%s",
                    match.kind != MP_LIST_NONE ? domain.text + match.start
                                               : "");
    session->collect = match.kind == MP_LIST_NONE && session->settings != NULL
                    && (milter->config.source == MPM_SOURCE_RSPAMD
                        || milter->config.source == MPM_SOURCE_SPAMD);

    if (session->kind != MP_LIST_NONE
        || milter->config.source != MPM_SOURCE_NONE) {
        mpm_take_macro(session->host, sizeof(session->host), ctx,
                       "{client_name}");
        (void) mpm_bytes_add(&session->sender, sender, strlen(sender) + 1);
    }

    return SMFIS_CONTINUE;
}


/* A message that is not scanned: nothing is said of it to others. */
static sfsistat
mpm_take_unscanned(struct mpm_milter *milter, struct mpm_session *session,
                   SMFICTX *ctx)
{
    struct mpm_marks marks = { .scanned = false };

    mpm_stat_count(milter->stat, MPM_COUNT_PASS);

    return mpm_answer_take(ctx, &session->spoof, &marks);
}


/* Whether the message waits; else it is taken as one below all levels. */
static unsigned int
mpm_greylist(struct mpm_milter *milter, struct mpm_session *session,
             const struct mpm_mail *mail)
{
    struct mp_grey who = {
        .secret = session->settings->version.epoch,
        .client = mail->client,
        .sender = mail->sender,
        .rcpts = mail->rcpts,
        .rcpt_count = mail->rcpt_count,
    };

    return mpm_grey_ask(milter->grey, &who);
}


/* In the form of a scan, for whoever reads the log. */
static void
mp_log_white(const struct mpm_session *session, const char *queue_id)
{
    const struct mpm_settings *settings = session->settings;

    mp_log(MP_LOG_INFO,
           "%.32s: from [%s] %.*s: %s by %s %s, score none, settings version "
           "%" PRIu64,
           queue_id != NULL ? queue_id : "NOQUEUE", session->client,
           MPM_LOGGED, session->sender.len > 0 ? session->sender.bytes : "",
           mp_verdict_name(MP_PASS), mp_rule_name(MP_RULE_WHITELIST),
           session->entry, settings != NULL ? settings->version.number : 0);
}


static void
mp_log_scan(const struct mpm_session *session, const struct mpm_mail *mail,
            const struct mp_decision *decision, const struct mp_scan *scan,
            unsigned int wait)
{
    char score[24] = "none";

    if (decision->rule != MP_RULE_UNSCORED) {
        (void) snprintf(score, sizeof(score), "%s%d.%02d",
                        scan->score < 0 ? "-" : "", abs(scan->score) / 100,
                        abs(scan->score) % 100);
    }

    mp_log(MP_LOG_INFO,
           "%.32s: from [%s] %.*s: %s by %s, score %s, settings version "
           "%" PRIu64 "%s",
           mail->queue_id[0] != '\0' ? mail->queue_id : "NOQUEUE",
           session->client, MPM_LOGGED, mail->sender,
           mp_verdict_name(decision->verdict), mp_rule_name(decision->rule),
           score, session->settings->version.number,
           decision->verdict == MP_DEFER && wait == 0 ? ", seen before" : "");
}


static sfsistat
mpm_act(struct mpm_milter *milter, struct mpm_session *session, SMFICTX *ctx,
        const struct mp_decision *decision, const struct mp_scan *scan,
        unsigned int wait)
{
    struct mpm_marks marks = {
        .scanned = true,
        .scored = decision->rule != MP_RULE_UNSCORED,
        .junk = decision->verdict == MP_JUNK,
        .score = scan->score,
        .required = session->settings->version.set.antispam_add_header,
        .blank = (session->protocol & SMFIP_HDR_LEADSPC) != 0,
    };

    switch (decision->verdict) {
    case MP_REJECT:
        mpm_stat_count(milter->stat, decision->rule == MP_RULE_PRE_RESULT
                                         ? MPM_COUNT_PRE_RESULT
                                         : MPM_COUNT_REJECT);
        return mpm_answer_refuse(ctx, decision->rule);

    case MP_DEFER:
        if (decision->rule == MP_RULE_UNSCORED) {
            return mpm_answer_unscanned(ctx);
        }

        if (wait > 0) {
            mpm_stat_count(milter->stat, MPM_COUNT_DEFER);
            return mpm_answer_greylist(ctx, wait);
        }

        mpm_stat_count(milter->stat, MPM_COUNT_PASS);
        break;

    case MP_JUNK:
        mpm_stat_count(milter->stat, MPM_COUNT_JUNK);
        break;

    case MP_PASS:
        mpm_stat_count(milter->stat, MPM_COUNT_PASS);
        break;
    }

    return mpm_answer_take(ctx, &session->spoof, &marks);
}


static struct mp_decision
mpm_decide(struct mpm_milter *milter, const struct mpm_session *session,
           const struct mpm_mail *mail, struct mp_scan *scan_r)
{
    struct mp_decision unscored = { MP_PASS, MP_RULE_UNSCORED };

    switch (mpm_score_ask(milter->score, mail, scan_r)) {
    case MPM_SCORED:
        mpm_stat_score(milter->stat, scan_r->score);

        if (scan_r->refused) {
            return (struct mp_decision){ MP_REJECT, MP_RULE_PRE_RESULT };
        }

        return mp_verdict_of_score(&session->settings->version.set,
                                   scan_r->score);

    case MPM_UNSCORED:
        mpm_stat_count(milter->stat, MPM_COUNT_UNSCORED);

        if (milter->config.defer_unscored) {
            unscored.verdict = MP_DEFER;
        }

        return unscored;

    case MPM_TOO_LARGE:
        mpm_stat_count(milter->stat, MPM_COUNT_UNSCORED);
        return unscored;
    }

    return unscored;
}


sfsistat
mpm_judge_end(struct mpm_milter *milter, struct mpm_session *session,
              SMFICTX *ctx)
{
    struct mp_scan scan = { 0, false };
    struct mp_decision decision;
    unsigned int wait = 0;
    struct mpm_mail mail;
    sfsistat answer;

    if (session->spoof.count > 0) {
        mpm_stat_counts(milter->stat, MPM_COUNT_SPOOFED_HEADERS,
                        session->spoof.count);
    }

    if (session->kind == MP_LIST_WHITE) {
        mpm_stat_count(milter->stat, MPM_COUNT_WHITELIST);
        mp_log_white(session, mpm_macro(ctx, "i"));
        return mpm_take_unscanned(milter, session, ctx);
    }

    if (milter->config.source == MPM_SOURCE_NONE || session->settings == NULL)
    {
        return mpm_take_unscanned(milter, session, ctx);
    }

    /* a message of headers only has no body that ends them */
    if (session->collect) {
        (void) mpm_session_body(session, &milter->config, "", 0);
    }

    if (!mpm_session_mail(session, &mail, mpm_macro(ctx, "i"))) {
        return mpm_answer_trouble(ctx);
    }

    decision = mpm_decide(milter, session, &mail, &scan);

    if (decision.verdict == MP_DEFER && decision.rule == MP_RULE_DEFER) {
        wait = mpm_greylist(milter, session, &mail);
    }

    mp_log_scan(session, &mail, &decision, &scan, wait);
    answer = mpm_act(milter, session, ctx, &decision, &scan, wait);
    free((void *) mail.rcpts);

    return answer;
}
