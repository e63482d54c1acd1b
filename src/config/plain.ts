import { z } from 'zod'

/**
 * A text in the file. A field that accepts a reference, `${NAME}`, has another type; in every other field a reference is a mistake and is
 * refused.
 */
export const plain = z
  .string()
  .min(1)
  .refine((text) => !text.includes('${'), 'references (${…}) are allowed only in addresses, keys, tokens and headers')
