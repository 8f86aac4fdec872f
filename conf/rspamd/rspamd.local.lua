-- For tests and the demonstration only: a message says its own points.
-- Leave this file out of an installation.

rspamd_config:register_symbol{
    name = 'MP_TEST_SCORE',
    type = 'normal',
    score = 1.0,
    description = 'X-MP-Test-Score: N gives N points',
    callback = function(task)
        local n = tonumber(task:get_header('X-MP-Test-Score') or '')

        if n then
            return true, n, tostring(n)
        end
    end
}
