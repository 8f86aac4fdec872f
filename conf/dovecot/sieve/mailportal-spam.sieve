# Mail that mailportal has marked goes into Junk.  It runs before the user's
# own script, and ends it: a rule of the user cannot bring spam back.
#
# Only the filter can have written this header: it removes those of strangers.

require ["fileinto", "mailbox"];

if header :is "X-Spam" "Yes" {
    fileinto :create "Junk";
    stop;
}
