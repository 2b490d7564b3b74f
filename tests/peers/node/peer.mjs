// The openai package of npm: runs the task that is named and prints what came of it as JSON.
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const client = new OpenAI({ maxRetries: 0, timeout: 60_000 });
const CAPITAL = "What is the capital of France?";
const greedy = { model: "llama", temperature: 0 };
const asked = (content) => [{ role: "user", content }];
const Person = z.object({ name: z.string().max(20), age: z.number().int().min(0).max(130) });
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string", maxLength: 20 } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

const tasks = {
  async models() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    return { names };
  },
  async chat() {
    const stream = await client.chat.completions.create({
      ...greedy, messages: asked(CAPITAL), stream: true, stream_options: { include_usage: true },
    });
    let text = "", tokens = 0, pieces = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? "";
      tokens = chunk.usage?.completion_tokens ?? tokens;
      pieces += 1;
    }
    return { text, tokens, pieces };
  },
  async tools() {
    const answer = await client.chat.completions.create({
      ...greedy, messages: asked("What is the weather in Paris?"), tools: [weather], tool_choice: "required",
    });
    const call = answer.choices[0].message.tool_calls[0];
    return { reason: answer.choices[0].finish_reason, name: call.function.name, arguments: JSON.parse(call.function.arguments) };
  },
  async schema() {
    const answer = await client.chat.completions.parse({
      ...greedy, messages: asked("Tell me about a person"), response_format: zodResponseFormat(Person, "person"),
    });
    return answer.choices[0].message.parsed;
  },
  async responses() {
    const first = await client.responses.create({ ...greedy, input: "My name is Zorbo." });
    const stream = await client.responses.create({
      ...greedy, input: "What is my name?", previous_response_id: first.id, stream: true,
    });
    let text = "", last = "";
    for await (const event of stream) {
      if (event.type === "response.output_text.delta") text += event.delta;
      last = event.type;
    }
    return { first: first.output_text, text, last };
  },
  async embeddings() {
    const answer = await client.embeddings.create({ model: "llama", input: ["a dog", "a cat"] });
    return { count: answer.data.length, length: Math.hypot(...answer.data[0].embedding) };
  },
  async leaving() {
    const stream = await client.chat.completions.create({ model: "llama", messages: asked("Tell me a story"), stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta?.content) break;
    }
    stream.controller.abort();
    return {};
  },
  async refusals() {
    const found = {};
    for (const [name, changed] of Object.entries({ model: { model: "gpt-99" }, temperature: { temperature: 7 } })) {
      try {
        await client.chat.completions.create({ ...greedy, messages: asked("x"), ...changed });
      } catch (error) {
        found[name] = { kind: error.constructor.name, status: error.status, code: error.code, param: error.param };
      }
    }
    return found;
  },
};

console.log(JSON.stringify(await tasks[process.argv[2]]()));
