/* Puts in force what the follower has gathered. */

#include "mpm_follow_private.h"

#include "mp_clock.h"


const char *
mpm_follow_epoch(const struct mpm_follow *follow)
{
    const struct mpm_settings *now = follow->next_settings != NULL
                                       ? follow->next_settings
                                       : follow->settings;

    return now != NULL ? now->version.epoch : "";
}


/* Puts what was gathered in force. */
void
mpm_follow_publish(struct mpm_follow *follow, bool news)
{
    int64_t lag = news ? mp_clock_msecs() - follow->next_made : 0;

    if (follow->next_settings != NULL) {
        mpm_settings_drop(follow->settings);
        follow->settings = follow->next_settings;
        follow->next_settings = NULL;
    }

    if (follow->next != NULL) {
        struct mpm_lists *lists =
            mpm_lists_new(follow->next, follow->next_id, follow->lists->epoch);

        follow->next = NULL;

        if (lists == NULL) {
            follow->reload = true;

        } else {
            mpm_lists_drop(follow->lists);
            follow->lists = lists;
        }
    }

    if (!mpm_current_publish(follow->parts.current,
                             mpm_settings_hold(follow->settings),
                             mpm_lists_hold(follow->lists)))
    {
        follow->reload = true;
        return;
    }

    mpm_stat_count(follow->parts.stat, MPM_COUNT_SNAPSHOTS);
    mp_health_good(follow->parts.health, MPM_TROUBLE_NOTHING);
    mp_health_changed(follow->parts.health, lag);
    mpm_file_changed(follow->parts.file);
}


void
mpm_follow_made(struct mpm_follow *follow, int64_t msecs)
{
    if (msecs > follow->next_made) {
        follow->next_made = msecs;
    }
}


void
mpm_follow_refused(struct mpm_follow *follow, enum mpm_trouble trouble,
                   const char *id, const struct mp_error *err)
{
    mpm_stat_count(follow->parts.stat, MPM_COUNT_SNAPSHOT_REFUSED);
    mp_health_bad(follow->parts.health, trouble, "%s %s is refused: %s%s%s",
                  trouble == MPM_TROUBLE_SETTINGS ? "settings version"
                                                  : "list change",
                  id, err->field, err->field[0] != '\0' ? " " : "", err->text);
}
