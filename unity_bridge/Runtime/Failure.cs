#nullable enable
using System;
using System.Collections.Generic;

namespace SphereLinks
{
    /// <summary>A request, or a whole job, that did not work.</summary>
    public sealed class Failure : Exception
    {
        /// <summary>One of <see cref="Remedies"/>, or a code of the server.</summary>
        public string Code { get; }

        /// <summary>What to do about it; may be empty.</summary>
        public string Hint { get; }

        /// <summary>The same request may work in a moment.</summary>
        public bool Transient { get; }

        /// <summary>How long to wait before that, where the server says so.</summary>
        public TimeSpan RetryAfter { get; }

        /// <summary>The server's job has ended: its idempotency key would only bring it back.</summary>
        public bool Over { get; }

        public Failure(
            string code,
            string message,
            string hint = "",
            bool transient = false,
            TimeSpan retryAfter = default,
            bool over = false,
            Exception? inner = null)
            : base(message, inner)
        {
            Code = code;
            Hint = hint.Length > 0 ? hint : Remedies.Of(code);
            Transient = transient;
            RetryAfter = retryAfter;
            Over = over || EndsJob.Contains(code);
        }

        /// <summary>Codes after which the server's job is over, whoever said so.</summary>
        public static readonly HashSet<string> EndsJob = new HashSet<string>
        {
            "asset_expired", "cancelled", "generator_failed", "idempotency_mismatch", "no_object",
            "picture_mismatch", "unknown_job",
        };

        public override string ToString() => Hint.Length > 0 ? $"{Message} {Hint}" : Message;
    }

    /// <summary>What to do, by code, where the server does not say; the user interface translates these.</summary>
    public static class Remedies
    {
        public static readonly IReadOnlyDictionary<string, string> ByCode = new Dictionary<string, string>
        {
            ["address"] = "Give an address such as http://127.0.0.1:8000 in the SphereLinks settings.",
            ["bad_answer"] = "Check the server address in the SphereLinks settings; a proxy may be in between.",
            ["file_error"] = "Check that the disk has free space and the folder is writable.",
            ["insufficient_credits"] = "Wait for the next month's credits, or ask the server's operator for more.",
            ["invalid_api_key"] = "Enter a working API key in the SphereLinks settings.",
            ["no_importer"] = "Install the package com.unity.cloud.gltfast with the Package Manager.",
            ["no_key"] = "Enter an API key in the SphereLinks settings.",
            ["no_program"] = "Install SphereLinks on this machine, or enter the path of the program in the SphereLinks settings.",
            ["picture_too_large"] = "Use a smaller picture: only 2048 pixels per side are used.",
            ["picture_unreadable"] = "Save the picture again as JPEG, PNG or WebP.",
            ["rate_limited"] = "Wait a minute, then try again.",
            ["redirected"] = "If you trust the address it names, enter that in the SphereLinks settings.",
            ["time_limit"] = "It may still finish on the server: Try Again resumes it there at no extra cost.",
            ["too_large"] = "Check the server address in the SphereLinks settings.",
            ["unreachable"] = "Start the server, or correct its address in the SphereLinks settings.",
        };

        /// <summary>The remedy of a code; empty where there is none.</summary>
        public static string Of(string code) => ByCode.TryGetValue(code, out var remedy) ? remedy : "";
    }
}
