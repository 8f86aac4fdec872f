/* The job mailer-test: a message to an address through the system mailer. */

#include "mpa_mailer.h"

static const struct mpa_template mpa_mailer_test_mail = {
    .subject = "Test of the system mailer",
    .text = "This is a test of the system mailer of your mail administration "
            "portal.\n"
            "\n"
            "An administrator has asked for it. The portal sends its own "
            "mail, as links\n"
            "to set a new password, by the same way.\n",
};


void
mpa_mailer_test(struct mpa_job *job)
{
    mpa_mailer_send(job, &mpa_mailer_test_mail);
}
