/* As much of IMAP as it takes to sign in. */

'use strict';

const { connect } = require('node:net');

/* Whether the server takes the name and the password. */
function login(user, password) {
  const [host, port] = process.env.MP_IMAP.split(':');

  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    let text = '';
    let greeted = false;

    socket.setTimeout(30000, () => socket.destroy(new Error('IMAP is silent')));
    socket.on('error', reject);
    socket.on('close', () => resolve(/^a OK /m.test(text)));
    socket.on('data', (bytes) => {
      text += bytes;
      if (!greeted && text.includes('\r\n')) {
        greeted = true;
        socket.write(`a LOGIN "${user}" "${password}"\r\n`);
      } else if (!socket.writableEnded && /^a \w+ .*\r\n/m.test(text)) {
        socket.end('b LOGOUT\r\n');
      }
    });
  });
}

module.exports = { login };
