/** The two addresses of scripts that this page may start, where the browser asks for a policy (Trusted Types). */

const POLICY = globalThis.trustedTypes?.createPolicy('galaxy-classify', { createScriptURL: (address) => address });

/**
 * Return the address of a script of this folder in the form that the browser demands.
 *
 * @param {string} address
 */
export function scriptAddress(address) {
  return POLICY ? POLICY.createScriptURL(address) : address;
}
