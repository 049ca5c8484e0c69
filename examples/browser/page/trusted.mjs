/** Tell the browser that the scripts which this page starts are its own, where it demands that (Trusted Types). */

/** @type {{trustedTypes?: any}} not in every browser */
const { trustedTypes } = /** @type {any} */ (globalThis);
const policy = trustedTypes?.createPolicy('galaxy-classify', {
  createScriptURL: (/** @type {string} */ address) => address,
});

/**
 * Return the address of one of the page's own scripts in the form that the browser demands.
 *
 * @param {string} address
 * @returns {string}
 */
export function scriptAddress(address) {
  return policy ? policy.createScriptURL(address) : address;
}
