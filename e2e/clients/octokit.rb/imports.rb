# octokit.rb goes through the whole diagram of the Source Imports API with its own methods.
require "json"
require "net/http"
require "octokit"
require "openssl"
require "uri"

ENV["OCTOKIT_SILENT"] = "true" # about the preview's media type, which it sends

RUNNING = %w[detecting importing mapping pushing].freeze

def want(got, expected, what)
  raise "#{what}: got #{got.inspect}, want #{expected.inspect}" unless expected === got
end

# told waits for the nth webhook of a kind, checks its signatures and returns the payload.
def told(kind, number)
  answer = Net::HTTP.get_response(URI("#{ENV.fetch('EVENTS')}/#{kind}/#{number}"))
  want(answer.code, "200", "webhook #{number} #{kind}")
  event = JSON.parse(answer.body, symbolize_names: true)
  { "x-hub-signature": "sha1", "x-hub-signature-256": "sha256" }.each do |header, digest|
    sum = OpenSSL::HMAC.hexdigest(digest, ENV.fetch("SECRET"), event[:body])
    want(event[:headers][header], "#{digest}=#{sum}", header)
  end
  JSON.parse(event[:body], symbolize_names: true)
end

# Visit is one way through. Below /api/v3 it names the repository by its id.
class Visit
  def initialize
    @client = connect(ENV.fetch("BASE"), ENV.fetch("TOKEN"))
    @repository = @client.create_repository(ENV.fetch("NAME"))
    @at = ENV.fetch("BASE").end_with?("/v3") ? @repository.id : @repository.full_name
  end

  def connect(base, token)
    Octokit::Client.new(api_endpoint: base, access_token: token)
  end

  # prepare makes a webhook, which is pinged.
  def prepare
    config = { url: ENV.fetch("HOOK"), content_type: "json", secret: ENV.fetch("SECRET") }
    hook = @client.create_hook(@at, "web", config, events: ["repository_import"], active: true)
    want(hook.config.secret, /\A\*+\z/, "secret")
    want(told("ping", 1)[:hook_id], hook.id, "ping")
    want(@client.hooks(@at).map(&:id), [hook.id], "hooks")
  end

  def ended(outcome, number)
    event = told(outcome, number)
    got = [event[:status], event[:repository][:id], event[:sender][:login]]
    want(got, [outcome, @repository.id, @repository.owner.login], "webhook #{number} #{outcome}")
  end

  def poll(status)
    3000.times do
      found = @client.source_import_progress(@at)
      return found if found.status == status
      raise "the import rests, want #{status}: #{found.to_h}" unless RUNNING.include?(found.status)

      sleep 0.02
    end
    raise "the import does not get #{status}"
  end

  # start leaves it to the server to find out what kind of source this is.
  def start
    started = @client.start_source_import(@at, ENV.fetch("SOURCE"))
    want(started.status, "detecting", "start")
    want(started.use_lfs, "undecided", "start")
    done = poll("complete")
    want([done.vcs, done.has_large_files, done.status_text], ["git", true, "Done"], "complete")
    want(done.url, "#{@repository.url}/import", "url")
    ended("success", 1)
  end

  # map maps an author of a complete import by the URL in the list, and the import goes through mapping and pushing again.
  def map
    authors = @client.source_import_commit_authors(@at)
    later = @client.source_import_commit_authors(@at, since: authors.first.id)
    want(later.map(&:id), authors.drop(1).map(&:id), "since")
    ada = authors.find { |author| author.remote_id == "ada@example.com" }
    @mapped = @client.map_source_import_commit_author(ada.url, name: "Countess of Lovelace", email: "ada@engine.example")
    want(@mapped.to_h, ada.to_h.merge(name: "Countess of Lovelace", email: "ada@engine.example"), "mapped")
    poll("complete")
    ended("success", 2)
  end

  def large_files
    files = @client.source_import_large_files(@at)
    want(files.map(&:size).min, 1001.., "size")
    chosen = @client.set_source_import_lfs_preference(@at, "opt_in")
    want([chosen.status, chosen.use_lfs], %w[mapping opt_in], "opt_in")
    done = poll("complete")
    want([done.use_lfs, done.large_files_count], ["opt_in", files.length], "complete")
    ended("success", 3)
  end

  def restart
    want(RUNNING.include?(@client.update_source_import(@at).status), true, "restart")
    poll("complete")
    ended("success", 4)
    want(@client.source_import_commit_authors(@at).map(&:to_h).include?(@mapped.to_h), true, "the mapping stays")
  end

  # refused wants octokit.rb's own error, which is about a field if one is given.
  def refused(kind, message, field = nil)
    yield
  rescue kind => e
    want(e.message, message, kind)
    want(e.errors.first[:field], field, kind) if field
  else
    raise "not refused with #{kind}"
  end

  def refusals
    invalid = [Octokit::UnprocessableEntity, /Validation Failed/]
    refused(*invalid, "email") { @client.map_source_import_commit_author(@mapped.url, email: "<>") }
    refused(*invalid, "vcs_url") { @client.start_source_import(@at, "git", ENV.fetch("HANGING")) }
    refused(*invalid, "use_lfs") { @client.set_source_import_lfs_preference(@at, "perhaps") }
    refused(*invalid, "config.url") { @client.create_hook(@at, "web", { url: "ftp://127.0.0.1/" }) }
    refused(Octokit::NotFound, /404 - Not Found/) { @client.source_import_progress("#{@repository.owner.login}/no-such") }
    nobody = connect(ENV.fetch("BASE"), "rht_nobody")
    refused(Octokit::Unauthorized, /Bad credentials/) { nobody.source_import_progress(@at) }
    limited = connect(ENV.fetch("LIMITED"), ENV.fetch("TOKEN"))
    refused(Octokit::TooManyRequests, /API rate limit exceeded/) { 3.times { limited.user } }
  end

  def gone
    want(@client.cancel_source_import(@at), true, "cancel")
    want(@client.cancel_source_import(@at), false, "cancel again")
    refused(Octokit::NotFound, /404 - Not Found/) { @client.source_import_progress(@at) }
  end

  # cancel deletes the complete import, of which nobody is told, and one that runs.
  def cancel
    gone
    @client.start_source_import(@at, "git", ENV.fetch("HANGING"))
    poll("importing")
    gone
    ended("cancelled", 1)
  end

  def fail
    @client.start_source_import(@at, "git", ENV.fetch("MISSING"))
    failed = poll("error")
    want([failed.failed_step, failed.message], ["raw", failed.error_message], "failed")
    want(failed.message, /\S/, "message")
    ended("failure", 1)
  end
end

visit = Visit.new
%i[prepare start map large_files restart refusals cancel fail].each { |step| visit.public_send(step) }
puts "octokit.rb #{Octokit::VERSION}"
