// node ten-lines.mjs galaxy-cnn-standalone.onnx IMAGE
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import sharp from 'sharp';

process.env.ORT_DISABLE_TELEMETRY = '1'; // or ONNX Runtime sends events to its maker
const [model, file] = process.argv.slice(2);
// ONNX Runtime's JavaScript API does not give the metadata of a file: find the list of classes behind its key.
const classes = JSON.parse(/galaxy_classify\.classes\x12[^]{1,2}?(\["[^\]]*\])/.exec(readFileSync(model, 'utf8'))[1]);
const { data, info } = await sharp(file).removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
const image = new ort.Tensor('uint8', new Uint8Array(data), [info.height, info.width, 3]);
const { probabilities, familiarity } = await (await ort.InferenceSession.create(model)).run({ image });
classes.forEach((name, place) => console.log(name, probabilities.data[place].toFixed(6)));
console.log('familiarity', familiarity.data[0].toFixed(6));
